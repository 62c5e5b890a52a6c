"""The laws that code can be held to by reading it: layers, one clock, no delayed tasks, no imports in hiding."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
APP = ROOT / "app"
SOURCES = sorted(path for path in APP.rglob("*.py") if "shipped" not in path.parts)


@cache
def _trees() -> dict[Path, ast.Module]:
    """Every file of the program, parsed; not at import, for each process of a run imports this."""
    return {path: ast.parse(path.read_text(), str(path)) for path in SOURCES}


@cache
def _nodes() -> dict[Path, tuple[ast.AST, ...]]:
    """All that is in each file; walked once for all checks."""
    return {path: tuple(ast.walk(tree)) for path, tree in _trees().items()}


_CLOCKS = {
    "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow",
    "datetime.datetime.today", "date.today", "datetime.date.today", "time.time", "time.time_ns", "time.monotonic",
    "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.process_time", "time.gmtime",
    "time.localtime",
}  # fmt: skip
_SENDERS = {"apply_async", "send_task", "retry", "delay", "signature", "s", "si", "set"}
_LATER = {"eta", "countdown"}
_COUNTDOWN = {"countdown"}  # an `eta` in a dictionary may be a parcel's
_EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "tools", "data", "info"}


def _where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def _walk(*kinds: type[ast.AST]) -> Iterator[tuple[Path, ast.AST]]:
    for path, nodes in _nodes().items():
        for node in nodes:
            if isinstance(node, kinds):
                yield path, node


def test_there_is_something_to_read():
    """A check over no files would pass for ever."""
    assert len(SOURCES) > 60


def test_imports_run_down_the_page():
    """The layers and the ban on the demo world hold, as import-linter's contracts state them."""
    linter = Path(sys.executable).with_name("lint-imports")
    outcome = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout


def _names_of_clocks(nodes: Iterable[ast.AST]) -> set[str]:
    """Bare names under which a module has imported a clock function."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found |= {alias.asname or alias.name for alias in node.names if f"time.{alias.name}" in _CLOCKS}
    return found


def test_only_the_clock_asks_for_the_time():
    """No module but app/clock.py reads a clock, by any of its names."""
    faults = []
    last = {name.rpartition(".")[2] for name in _CLOCKS}
    for path, nodes in _nodes().items():
        if path == APP / "clock.py":
            continue
        bare = _names_of_clocks(nodes)
        for node in nodes:
            named = isinstance(node, ast.Attribute) and node.attr in last  # telling the whole name takes long
            name = node.id if isinstance(node, ast.Name) else ast.unparse(node) if named else ""
            if name in _CLOCKS or (isinstance(node, ast.Name) and name in bare):
                faults.append(f"{_where(path, node)} {name}")
    assert faults == []


def _delays(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    """Where code asks the broker to keep a task for later: by name, by place, or in options that are handed on."""
    found: list[ast.AST] = []
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SENDERS:
            by_place = node.func.attr == "send_task" and len(node.args) > 3  # name, args, kwargs, countdown, eta
            if by_place or any(keyword.arg in _LATER for keyword in node.keywords):
                found.append(node)
        elif isinstance(node, ast.Dict):
            found += [key for key in node.keys if isinstance(key, ast.Constant) and key.value in _COUNTDOWN]
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found += [node] if node.slice.value in _COUNTDOWN else []
    return found


def test_no_task_waits_in_the_broker():
    """Waiting is a column: no task is sent, retried, signed or scheduled with an eta or a countdown."""
    config = ROOT / "celeryconfig.py"
    everything = _nodes() | {config: tuple(ast.walk(ast.parse(config.read_text())))}
    assert [_where(path, node) for path, nodes in everything.items() for node in _delays(nodes)] == []


@pytest.mark.parametrize(
    "code",
    [
        "send.apply_async(args=['email'], countdown=90)",
        "app.send_task('doorstep.send', args=['email'], eta=tomorrow)",
        "app.send_task('doorstep.send', ['email'], {}, 90)",
        "self.retry(countdown=3600)",
        "send.signature(('email',)).set(countdown=5).apply_async()",
        "app.send_task('doorstep.send', **{'countdown': 60})",
        "options['countdown'] = 60",
    ],
)
def test_a_task_that_would_wait_in_the_broker_is_noticed(code: str):
    """Each way of delaying a task is found, so that the check above can fail."""
    assert _delays(ast.walk(ast.parse(code))), code


def test_tasks_are_told_what_to_wake_and_nothing_else():
    """A task's arguments are a kind of work: its parameters are short texts, never rows, bodies or lists."""
    faults = [
        f"{_where(path, node)} {node.name}({argument.arg}: {ast.unparse(argument.annotation or ast.Constant(None))})"
        for path, node in _walk(ast.FunctionDef)
        if path == APP / "worker.py" and any(ast.unparse(mark) == "_task" for mark in node.decorator_list)
        for argument in (*node.args.args, *node.args.kwonlyargs)
        if argument.annotation is None or ast.unparse(argument.annotation) != "str"
    ]
    assert faults == []


def test_imports_stand_at_the_top():
    """No import hides in a function to dodge a cycle."""
    faults = []
    for path, nodes in _nodes().items():
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        faults += [
            _where(path, node)
            for node in nodes
            if isinstance(node, ast.Import | ast.ImportFrom)
            and any(each.lineno <= node.lineno <= each.end_lineno for each in functions)
        ]
    assert faults == []


def test_a_module_begins_by_saying_what_it_owns():
    """Its docstring opens with one sentence properly ended."""
    faults = {}
    for path, tree in _trees().items():
        first = (ast.get_docstring(tree) or "").split("\n\n", 1)[0]
        if not first or len(first.splitlines()) > 3 or first.rstrip()[-1] not in ".:?":
            faults[str(path.relative_to(ROOT))] = first or "no docstring"
    assert faults == {}


def test_no_module_grows_past_reading():
    """About 300 lines is a module, 400 is two."""
    long = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in SOURCES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_no_module_is_named_for_nothing():
    """A module's name says what is in it."""
    parts = {part for path in SOURCES for part in path.relative_to(APP).with_suffix("").parts}
    assert parts & _EMPTY_NAMES == set()


_SUPPRESSION = re.compile(
    r"#\s*(noqa|type:\s*ignore)(?P<rule>(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*|\[[\w, -]+\]))?(?P<why>.*)"
)


def test_suppressions_are_few_and_name_their_rule():
    """A linter is silenced for one named rule at a time, and most of the times with the reason beside it."""
    nameless, reasonless, total = [], [], 0
    for path in SOURCES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := _SUPPRESSION.search(line):
                total += 1
                place = f"{path.relative_to(ROOT)}:{number} {line.strip()}"
                nameless += [] if found["rule"] else [place]
                reasonless += [] if len(found["why"].strip(" #")) >= 4 else [place]
    assert nameless == []
    assert len(reasonless) <= 12, reasonless
    assert total <= 40


def _core_closure() -> set[str]:
    """The distributions that an install without extras brings, by canonical name."""
    known: set[str] = set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(text) for text in project["dependencies"]]
    while waiting:
        wanted = waiting.pop()
        name = wanted.name.lower().replace("_", "-").replace(".", "-")
        if name in known:
            continue
        known.add(name)
        for text in requires(wanted.name) or []:
            further = Requirement(text)
            extras = ["", *wanted.extras]
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return known


def test_the_program_imports_only_what_it_asks_for():
    """Without the extras every module of app/ can still be imported: a server's image has no more than that."""
    core, providers = _core_closure(), packages_distributions()
    faults = set()
    for path, node in _walk(ast.Import, ast.ImportFrom):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for top in {name.split(".")[0] for name in names if not getattr(node, "level", 0)}:
            if top in sys.stdlib_module_names or top in ("app", "celeryconfig"):
                continue
            brought = {name.lower().replace("_", "-").replace(".", "-") for name in providers.get(top, [])}
            if not brought & core:
                faults.add(f"{_where(path, node)} {top}")
    assert faults == set()
