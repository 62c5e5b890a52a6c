"""One machine is enough: PostgreSQL, Valkey and every program of the engine, started and stopped by this one."""

from app.embedded.children import HomeInUse
from app.embedded.home import default_home
from app.embedded.processes import Processes, Program, ProgramFailed
from app.embedded.servers import Embedded, Endpoints, reach, running

__all__ = [
    "Embedded",
    "Endpoints",
    "HomeInUse",
    "Processes",
    "Program",
    "ProgramFailed",
    "default_home",
    "reach",
    "running",
]
