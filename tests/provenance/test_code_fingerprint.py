"""What of a package's code belongs to a function: a small package on disk, one change at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emb_pipeline.provenance.code_fingerprint import Choice, CodeGraph, Target

FILES = {
    "__init__.py": "from pkg.helpers import exported\n",
    "steps.py": '''
"""Steps."""
import numpy as np

from pkg import helpers, shapes
from pkg.registry import KINDS

LIMIT = 3
UNUSED = 4


def run(data: shapes.Given) -> int:
    """Run."""
    from pkg.late import late

    helper = 1
    return late(data) + helpers.scaled(LIMIT) + helper + shapes.Square(2).area()


def choose(name, source):
    if isinstance(source, shapes.Circle):
        return helpers.round_things(source)
    if KINDS[name].artifact == "heavy":
        return helpers.heavy(source)
    return KINDS[name].load()(TABLE[type(source)](source))


def read_template():
    return (__file__, "page.html")


def from_package():
    import pkg

    return pkg.exported()


def unresolved():
    return helpers.made_at_run_time()


def as_value():
    return list(map(str, [helpers]))


def decorated_run():
    return decorated()


TABLE = {shapes.Circle: helpers.round_things, shapes.Square: helpers.edges}


@helpers.timed
def decorated():
    return np.zeros(2)
''',
    "helpers.py": """
import functools
import os

FACTOR = 2
os.environ.setdefault("THREADS", "1")


def scaled(number):
    return number * FACTOR


def helper():
    return 0


def round_things(thing):
    return "round"


def edges(thing):
    return "edges"


def heavy(thing):
    return "heavy"


def exported():
    return 5


def timed(function):
    @functools.wraps(function)
    def call():
        return function()

    return call
""",
    "late.py": "def late(data):\n    return data.size\n",
    "shapes.py": """
import torch


class Shape:
    def area(self):
        return 0

    def outline(self):
        return 1


class Square(Shape):
    sides = 4

    def __init__(self, size):
        self.size = size

    def area(self):
        return self._squared()

    def _squared(self):
        return self.size**2

    def never(self):
        return None


class Circle(Shape):
    pass


class Given:
    @property
    def size(self):
        return 7


class Net(torch.nn.Module):
    def forward(self, x):
        return x
""",
    "registry.py": """
from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Kind:
    name: str
    artifact: str
    place: str
    other: str

    def load(self):
        module, _, name = self.place.partition(":")
        return getattr(import_module(f"pkg.{module}"), name)

    def load_other(self):
        module, _, name = self.other.partition(":")
        return getattr(import_module(f"pkg.{module}"), name)


KINDS = {
    "a": Kind("a", "light", "kinds:make_a", "kinds:other_a"),
    "b": Kind("b", "heavy", "kinds:make_b", "kinds:other_b"),
}
""",
    "kinds.py": """
def make_a(x):
    return 1


def make_b(x):
    return 2


def other_a(x):
    return 3


def other_b(x):
    return 4
""",
    "page.html": "<p>",
    "part.html": "<i>",
    "style.css": "p {}",
}


@dataclass(frozen=True)
class Kind:
    name: str
    artifact: str
    place: str
    other: str


Kind.__module__ = "pkg.registry"  # it stands for the class there
KINDS = Target("pkg.registry", "KINDS")
ENTRIES = {
    "a": Kind("a", "light", "kinds:make_a", "kinds:other_a"),
    "b": Kind("b", "heavy", "kinds:make_b", "kinds:other_b"),
}
OF_A, OF_B = Choice({KINDS: ("a",)}), Choice({KINDS: ("b",)})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "pkg"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return folder


def step(name: str) -> Callable[..., Any]:
    def function() -> None: ...

    function.__module__, function.__qualname__ = "pkg.steps", name
    return function


def fingerprint(package: Path, function: str, choice: Choice) -> str:
    return CodeGraph(package, "pkg", {KINDS: ENTRIES}).fingerprint(step(function), choice).code


NONE = Choice({})
CHANGES: dict[str, tuple[str, Choice, str, str, str, bool]] = {
    "a constant": ("run", NONE, "steps.py", "LIMIT = 3", "LIMIT = 4", True),
    "a constant that is not used": ("run", NONE, "steps.py", "UNUSED = 4", "UNUSED = 5", False),
    "a constant of a helper": ("run", NONE, "helpers.py", "FACTOR = 2", "FACTOR = 3", True),
    "a function that a variable of the same name hides": ("run", NONE, "helpers.py", "return 0", "return 9", False),
    "a function imported where it is called": ("run", NONE, "late.py", "data.size", "data.size + 1", True),
    "a method that a method calls": ("run", NONE, "shapes.py", "self.size**2", "self.size**3", True),
    "a method that nobody calls": ("run", NONE, "shapes.py", "return None", "return 1", False),
    "a field of a class": ("run", NONE, "shapes.py", "sides = 4", "sides = 5", True),
    "the type of an argument": ("run", NONE, "shapes.py", "return 7", "return 8", True),
    "what a module does when it is imported": ("run", NONE, "helpers.py", '"THREADS", "1"', '"THREADS", "2"', True),
    "a docstring": ("run", NONE, "steps.py", '"""Run."""', '"""Walk."""', False),
    "a comment": ("run", NONE, "steps.py", "LIMIT = 3", "LIMIT = 3  # three", False),
    "an annotation": ("run", NONE, "late.py", "late(data)", "late(data: int)", False),
    "white space": ("run", NONE, "late.py", "return data.size", "return (\n        data.size\n    )", False),
    "a decorator": ("decorated_run", NONE, "helpers.py", "return function()", "return function() or 1", True),
    "the chosen entry's code": ("choose", OF_A, "kinds.py", "return 1", "return 10", True),
    "another entry's code": ("choose", OF_A, "kinds.py", "return 2", "return 20", False),
    "what another method of the entry loads": ("choose", OF_A, "kinds.py", "return 3", "return 30", False),
    "a branch of a class": ("choose", OF_B, "helpers.py", '"round"', '"circle"', True),
    "an entry of a table": ("choose", OF_A, "helpers.py", '"edges"', '"corners"', True),
    "a branch of another value of a field": ("choose", OF_A, "helpers.py", '"heavy"', '"massive"', False),
    "the branch of the value of a field": ("choose", OF_B, "helpers.py", '"heavy"', '"massive"', True),
    "any branch where nothing is chosen": ("choose", NONE, "helpers.py", '"heavy"', '"massive"', True),
    "any entry where nothing is chosen": ("choose", NONE, "kinds.py", "return 2", "return 20", True),
    "a packaged file": ("read_template", NONE, "page.html", "<p>", "<b>", True),
    "a packaged file of the same kind beside it": ("read_template", NONE, "part.html", "<i>", "<b>", True),
    "a packaged file of another kind": ("read_template", NONE, "style.css", "p {}", "b {}", False),
    "a name that the package hands on": ("from_package", NONE, "helpers.py", "return 5", "return 6", True),
    "anything of a module, where a name is not found": ("unresolved", NONE, "helpers.py", "return 5", "return 6", True),
    "anything of a module that is a value": ("as_value", NONE, "helpers.py", "return 5", "return 6", True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_counts_where_the_function_can_reach_it(change: str, package: Path) -> None:
    function, choice, file, old, new, counts = CHANGES[change]
    before = fingerprint(package, function, choice)
    source = (package / file).read_text()
    assert source.count(old) == 1, old
    (package / file).write_text(source.replace(old, new))
    assert (fingerprint(package, function, choice) != before) is counts


def test_methods_of_a_class_that_a_library_may_call_belong_to_it(package: Path) -> None:
    steps = package / "steps.py"
    steps.write_text(steps.read_text() + "\n\ndef learn():\n    return shapes.Net()\n")
    before = fingerprint(package, "learn", NONE)
    shapes = package / "shapes.py"
    shapes.write_text(shapes.read_text().replace("return x", "return x + 1"))
    assert fingerprint(package, "learn", NONE) != before


def test_only_libraries_that_the_reached_code_uses_are_named(package: Path) -> None:
    graph = CodeGraph(package, "pkg", {KINDS: ENTRIES})
    assert set(graph.fingerprint(step("decorated_run")).versions) == {"numpy"}
    assert not graph.fingerprint(step("run")).versions


def test_a_function_that_moves_to_another_module_keeps_its_fingerprint(package: Path) -> None:
    before = fingerprint(package, "run", NONE)
    (package / "late.py").rename(package / "later.py")
    steps = package / "steps.py"
    steps.write_text(steps.read_text().replace("from pkg.late import", "from pkg.later import"))
    assert fingerprint(package, "run", NONE) == before


def test_arguments_that_are_read_by_attributes_alone_are_known(package: Path) -> None:
    steps = package / "steps.py"
    steps.write_text(steps.read_text() + "\n\ndef some(a, b, c):\n    return a.x + a.y.z + b.x + len([b]) + c.x.sum()\n")
    read = CodeGraph(package, "pkg").fields_read(step("some"))
    assert read == {"a": ("x", "y"), "c": ("x",)}
