"""Settings of accounts."""

from dataclasses import dataclass, field

from orchestra.config.declaring import about


@dataclass(frozen=True, kw_only=True, repr=False)
class AccountSettings:
    """Who may register, how accounts become active, and how long a sign-in lasts."""

    registration_open: bool = field(
        default=True,
        metadata=about("Whether people may register.", synonyms=("INCLUDE_REGISTER_URL",)),
    )
    account_activation_days: int = field(
        default=7,
        metadata=about(
            "Validity of an activation link.",
            variable="ACCOUNT_ACTIVATION_DAYS",
            low=1,
            high=3650,
        ),
    )
    registration_auto_login: bool = field(
        default=True,
        metadata=about("Whether activation signs in.", variable="REGISTRATION_AUTO_LOGIN"),
    )
    send_activation_email: bool = field(
        default=True,
        metadata=about(
            "False: accounts wait for an administrator.",
            variable="SEND_ACTIVATION_EMAIL",
        ),
    )
    session_hours: int = field(
        default=336, metadata=about("How long a sign-in lasts.", low=1, high=87_600)
    )
    tell_acting: bool = field(
        default=False, metadata=about("Whether people are told of acting as them.")
    )
    hijack_allow_get_requests: str = field(
        default="", metadata=about("Accepted, no effect.", variable="HIJACK_ALLOW_GET_REQUESTS")
    )
