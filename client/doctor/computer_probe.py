"""Collect facts about this computer without changing anything."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping

import psutil

from client.doctor.findings import ComputerFacts
from client.local.local_plan import API_PORT, CONSOLE_PORT, SEARCH_PORT, port_of
from client.local.state_dir import port_in_use
from client.local.target_cloud import running_clouds
from client.program_name import program_name
from server.api.queries import index_folder
from vmhost.api.drivers import Computer, Diagnosis, drivers

_PACKAGES = ("aiohttp", "botocore", "httptools", "structlog", "tantivy", "uvloop")
_MANAGERS = {"apt": "apt-get", "dnf": "dnf", "pacman": "pacman", "apk": "apk", "brew": "brew"}


def this_computer() -> Computer:
    """Return what drivers must know about this computer."""
    manager = next((name for name, program in _MANAGERS.items() if shutil.which(program)), "")
    return Computer(system=platform.system(), package_manager=manager, program=program_name())


def inspect_computer(diagnoses: Mapping[str, Diagnosis]) -> ComputerFacts:
    """Return the facts about this computer, with what the drivers found on it."""
    memory, folder, described = psutil.virtual_memory(), tempfile.gettempdir(), drivers()
    packages = sorted((*_PACKAGES, *(name for each in described for name in each.packages)))
    return ComputerFacts(
        computer=this_computer(),
        python=sys.version_info[:3],
        in_venv=sys.prefix != sys.base_prefix,
        missing_packages=tuple(name for name in packages if importlib.util.find_spec(name) is None),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        memory_mib=memory.total >> 20,
        memory_free_mib=memory.available >> 20,
        disk_free_mib=shutil.disk_usage(folder).free // (1 << 20),
        disk_path=folder,
        frees_disk=tuple(each.frees_disk for each in described if each.frees_disk),
        ports_taken={port: port_in_use(port) for port in (API_PORT, SEARCH_PORT, CONSOLE_PORT)},
        ports_of_clouds={port_of(url): each.cloud for each in running_clouds() for url in each.urls},
        index=(index_folder() / "manifest.json").exists(),
        of_drivers=tuple(finding for each in diagnoses.values() for finding in each.findings),
    )
