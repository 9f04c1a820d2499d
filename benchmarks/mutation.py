"""Would a test notice? Change one comparison, number or operator at a time, and run the tests.

    python -m benchmarks.mutation [FILE ...]

cosmic-ray makes the mutants. Each runs in a fork of this process, which has NumPy, MuJoCo and pytest loaded, and its
code is handed to the import system from memory: the working tree is never written to. Files and their tests are named
in pyproject.toml (`tool.coverage.report`, `tool.mutation`). A survivor fails the run, unless
tests/mutation_reasons.toml says why it is no fault; a reason without a survivor fails too.
"""

import argparse
import gc
import importlib.abc
import multiprocessing
import os
import re
import resource
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import ndiff
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path

ROOT = Path(__file__).parents[1]
REASONS = ROOT / "tests" / "mutation_reasons.toml"
WARM = (
    *("hydra.extra.pytest_plugin", "hypothesis.internal.conjecture.engine"),
    *("mujoco", "pytest", "ruckig", "scipy.linalg"),
)
KINDS = re.compile(
    r"/(ReplaceComparisonOperator_((?!Is)\w+|Is_IsNot|IsNot_Is)"  # members of an enum: `==` is as good as `is`
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Mod_Mul|FloorDiv_Mul|Pow_Mul|BitAnd_BitOr|BitOr_BitAnd)"
    r"|ReplaceUnaryOperator_(Delete_Not|Delete_USub|Delete_Invert)"
    r"|NumberReplacer|AddNot|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceTrueWithFalse|ReplaceFalseWithTrue"
    r"|RemoveDecorator|ZeroIterationForLoop|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ExceptionReplacer)$"
)
"""Kinds of cosmic-ray's mutants that are used: of each operator the likely mistakes, not every other operator."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one file."""

    file: str
    line: int
    was: str
    becomes: str
    code: str


def main() -> int:
    """Run, print, 1 when a survivor has no reason or a reason no survivor."""
    parser = argparse.ArgumentParser(description="Mutation run over what stands between a policy and a motor.")
    parser.add_argument("files", nargs="*", help="only these of the listed files")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    files = parser.parse_args().files or settings["coverage"]["report"]["include"]
    reasons = tomllib.loads(REASONS.read_text()).get("excused", [])
    os.environ |= {"OMP_NUM_THREADS": "1", "MUJOCO_GL": "egl"}
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()  # of what is loaded here no fork has to look for garbage
    survivors: list[Mutant] = []
    for file in files:
        survivors += run(file, own_tests(file, settings["mutation"]["tests"]))
    faults = unexcused(survivors, [reason for reason in reasons if reason["file"] in files])
    for fault in faults:
        print(fault)
    print("FAIL" if faults else "PASS", f"{len(survivors)} survivors; without a reason, or the reverse: {len(faults)}")
    return int(bool(faults))


def run(file: str, tests: Sequence[str]) -> list[Mutant]:
    """The survivors of one file."""
    source, started_s = (ROOT / file).read_text(), time.monotonic()
    if verdict(Mutant(file, 0, "", "", source), tests, limit_s=600) != "survived":
        raise SystemExit(f"{' '.join(tests)}: the tests fail without any mutation; run them by themselves")
    limit_s = 5 + 2 * round(time.monotonic() - started_s)
    print(file, end=" ", flush=True)
    outcomes: dict[Mutant, str] = {}
    for mutant in mutants(file, source):
        outcomes[mutant] = verdict(mutant, tests, limit_s)
        print({"killed": ".", "survived": "S", "timeout": "T"}[outcomes[mutant]], end="", flush=True)
    words = ", ".join(f"{list(outcomes.values()).count(word)} {word}" for word in ("killed", "survived", "timeout"))
    print(f"\n  {len(outcomes)} mutants: {words}; {time.monotonic() - started_s:.0f} s", flush=True)
    return [mutant for mutant, outcome in outcomes.items() if outcome == "survived"]


def own_tests(file: str, tests: dict[str, list[str]]) -> list[str]:
    """The tests of the longest prefix of `file` that has any."""
    return tests[max((prefix for prefix in tests if file.startswith(prefix)), key=len)]


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Every change of the chosen kinds, each once."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    nodes, seen = list(ast_nodes(get_ast(source))), {source}
    for name in filter(KINDS.search, operator_names()):
        operator = get_operator(name)()
        lines = [start[0] for node in nodes for start, _ in operator.mutation_positions(node)]
        for k, line in enumerate(lines):
            code = mutate_code(source, operator, k)
            if code not in seen:
                seen.add(code)
                yield Mutant(file, line, *difference(source, code), code)


def difference(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, of the one and of the other, with single spaces."""
    lines = list(ndiff(before.splitlines(), after.splitlines()))
    was, becomes = (" ".join(line[2:] for line in lines if line.startswith(sign)).split() for sign in "-+")
    return " ".join(was), " ".join(becomes)


def unexcused(survivors: Sequence[Mutant], reasons: Sequence[dict[str, str]]) -> list[str]:
    """A line for each survivor without a reason, and for each reason without a survivor. A reason excuses one."""
    left = Counter((reason["file"], reason["was"], reason["becomes"]) for reason in reasons if reason["reason"])
    faults = []
    for mutant in survivors:
        if left[change := (mutant.file, mutant.was, mutant.becomes)]:
            left[change] -= 1
        else:
            faults.append(f"{mutant.file}:{mutant.line}\n  - {mutant.was}\n  + {mutant.becomes}")
    return faults + [f"{file}: no survivor matches the reason for\n  - {a}\n  + {b}" for file, a, b in left.elements()]


def verdict(mutant: Mutant, tests: Sequence[str], limit_s: int) -> str:
    """`killed`, `survived`, or `timeout` after `limit_s` of CPU time, which a busy machine does not shorten."""
    child = multiprocessing.get_context("fork").Process(target=_try, args=(mutant, tests, limit_s))
    child.start()
    child.join()
    return {0: "survived", -signal.SIGXCPU: "timeout"}.get(child.exitcode, "killed")


def _try(mutant: Mutant, tests: Sequence[str], limit_s: int) -> None:
    """In the fork: import the mutant in place of its module, run the tests, exit with pytest's status."""
    import pytest
    from hypothesis import Phase, settings

    quick = settings(phases=[Phase.explicit, Phase.generate], derandomize=True, database=None, deadline=None)
    settings.register_profile("mutation", quick)  # the same draws each time, and no search for a smaller example
    settings.load_profile("mutation")
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
    sys.dont_write_bytecode = True
    os.chdir(ROOT)
    sys.meta_path.insert(0, _Replace(mutant))
    for descriptor in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    options = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider"]
    os._exit(pytest.main([*options, *tests], plugins=[_QuickFirst()]))


class _QuickFirst:
    """Tests with drawn examples take longest: they come last."""

    def pytest_collection_modifyitems(self, items: list) -> None:
        items.sort(key=lambda item: getattr(item.obj, "is_hypothesis_test", False))


class _Replace(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Finds one module and loads it from memory."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = mutant.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self._name else None

    def get_filename(self, fullname: str) -> str:
        return str(ROOT / self._mutant.file)

    def get_data(self, path: str) -> bytes:
        return self._mutant.code.encode()


if __name__ == "__main__":
    raise SystemExit(main())
