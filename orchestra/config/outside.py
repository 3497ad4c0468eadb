"""Settings of what pages load from other hosts: nothing, unless one of these is set (W-1)."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from orchestra.config.declaring import about

KEY = re.compile(r"[A-Za-z0-9-]{1,40}")
# No quotes and no semicolons: neither 'unsafe-inline' nor another directive can be smuggled in.
ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, kw_only=True, repr=False)
class OutsideSettings:
    """Page views that are counted elsewhere, and scripts of the operator."""

    google_analytics_key: str = field(
        default="",
        metadata=about(
            "Counts page views with Google Analytics; unset: pages ask no other host.",
            variable="GOOGLE_ANALYTICS_KEY",
        ),
    )
    third_party_scripts_template: str = field(
        default="",
        metadata=about("File whose content stands in every page, in the place of that script."),
    )
    csp_extra_origins: tuple[str, ...] = field(
        default=(), metadata=about("Origins that the scripts of that file may load and ask.")
    )

    def _outside_problems(self) -> list[str]:
        problems = []
        if self.google_analytics_key and not KEY.fullmatch(self.google_analytics_key):
            problems.append(
                "GOOGLE_ANALYTICS_KEY: must be a measurement id, for example G-ABC123DEF4."
            )
        file = self.third_party_scripts_template
        if file and not Path(file).is_file():
            problems.append(f"ORCHESTRA_THIRD_PARTY_SCRIPTS_TEMPLATE: there is no file {file}.")
        problems += [
            f"ORCHESTRA_CSP_EXTRA_ORIGINS: {origin!r} is no origin, for example "
            "https://stats.example.org or https://*.example.org."
            for origin in self.csp_extra_origins
            if not ORIGIN.fullmatch(origin)
        ]
        return problems
