"""Orchestra: teams of experts and machines complete complex projects together."""
