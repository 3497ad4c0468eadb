"""Shapes of work, as every contender runs them: layers of steps, each depending on the one before.

The last layer is one step, and its end is the end of the project.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Shape:
    slug: str
    title: str
    widths: tuple[int, ...]  # steps of each layer
    projects: int = 1  # started at once

    @property
    def steps(self) -> int:
        return sum(self.widths) * self.projects

    @property
    def is_layered(self) -> bool:
        return any(width > 1 for width in self.widths)

    @property
    def layers(self) -> list[list[str]]:
        """Names of the steps."""
        return [
            [f"step-{depth}-{place}" for place in range(width)]
            for depth, width in enumerate(self.widths)
        ]

    def smaller(self) -> "Shape":
        """A quarter of it, for a quick look; what is small stays as it is."""
        if self.steps < 500:
            return self
        if self.is_layered:
            return replace(self, projects=self.projects // 4)
        return replace(self, widths=self.widths[: len(self.widths) // 4])


DIAMOND = (1, 4, 1, 4, 1)
CHAINS = Shape("chains", "10 chains of 200", (1,) * 200, projects=10)
DIAMONDS = Shape("diamonds", "100 diamonds 1-4-1-4-1", DIAMOND, projects=100)
CHAIN_50 = Shape("chain-50", "one chain of 50", (1,) * 50)
CHAIN_1000 = Shape("chain-1000", "one chain of 1,000", (1,) * 1000)
FAN_OUT = Shape("fan-out", "one fan-out 1-48-1", (1, 48, 1))
WARM_UP = Shape("warm-up", "warm-up", DIAMOND, projects=20)

SHAPES = {shape.slug: shape for shape in (CHAINS, DIAMONDS, CHAIN_50, CHAIN_1000, FAN_OUT)}
