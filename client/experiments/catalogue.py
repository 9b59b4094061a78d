"""The experiments that there are, by name."""

from __future__ import annotations

from collections.abc import Mapping

from client.experiments.experiment import Experiment
from client.experiments.kill import Kill
from client.experiments.noisy_neighbor import NoisyNeighbor

_ALL: tuple[type[Experiment], ...] = (Kill, NoisyNeighbor)
EXPERIMENTS: Mapping[str, type[Experiment]] = {each.name: each for each in _ALL}
