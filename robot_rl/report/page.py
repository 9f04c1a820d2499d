"""The page for people: everything in one file, nothing fetched, every text escaped."""

from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from robot_rl.report.curves import curves_html
from robot_rl.report.filmstrip import Filmstrip, filmstrip_html
from robot_rl.report.wording import count, duration, flatten, number, percent, verdict

STYLE = Path(__file__).with_name("report.css")
FOLDED = ("config", "versions")
"""Parts of the report with a fold of their own instead of a place in the table."""
MOST_SEEDS = 20
"""Failed seeds that are listed; `report.json` has all."""
SAFETY = {"limit_breaches": "limit breaches", "mujoco_warnings": "warnings of the physics engine"}


def page(
    report: dict[str, Any],
    metrics: list[dict[str, Any]],
    evaluation: list[dict[str, Any]],
    filmstrips: list[Filmstrip],
) -> str:
    """The whole document. All arguments hold strict JSON values; any key may be missing."""
    title = f"{_name(report)}, seed {report.get('seed', '–')}"
    curves = curves_html(metrics, report)
    sections = [
        _header(title, report),
        _headline(report),
        _safety(report),
        _section("Learning curves", f'<div class="grid">{"".join(curves)}</div>' if curves else ""),
        _section("What it looked like", "".join(filmstrip_html(strip) for strip in _failures_last(filmstrips))),
        _section("Scored episodes", _evaluation(evaluation)),
        _section("All figures", _figures(report)),
        "".join(_fold(name, report.get(name)) for name in FOLDED),
    ]
    script = f"<script>{get_plotlyjs()}</script>" if curves else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style>{script}</head>"
        f"<body><main>{''.join(sections)}</main></body></html>"
    )


def _name(report: dict[str, Any]) -> str:
    task = str(report.get("task") or "run")
    return str(report.get("config", {}).get("task", {}).get("id") or task) if task == "gymnasium" else task


PARTIAL = (
    '<p class="banner"><strong>interrupted: partial</strong> '
    "The run was stopped early; the figures cover what was done until then.</p>"
)


def _header(title: str, report: dict[str, Any]) -> str:
    banner = PARTIAL if report.get("complete") is False else ""
    return (
        f'<header><p class="eyebrow">robot_rl report</p><h1>{escape(title)}</h1>'
        f'<p class="verdict">{escape(verdict(report))}</p>{banner}</header>'
    )


def _headline(report: dict[str, Any]) -> str:
    expert = report.get("expert_cycle_time_s")
    cards = [
        ("Success rate", percent(report.get("success_rate")), _interval(report)),
        ("Cycle time", duration(report.get("cycle_time_s")), f"expert: {duration(expert)}" if expert else ""),
        (
            "Environment steps",
            count(report.get("env_steps")),
            f"{count(report.get('gradient_steps'))} gradient steps",
        ),
        (
            "Wall time",
            duration(report.get("wall_s")),
            f"help: {percent(report.get('intervention_share'))} of steps",
        ),
    ]
    known = [card for card in cards if card[1] != "–"]
    return '<div class="cards">' + "".join(_card(*card) for card in known) + "</div>"


def _card(label: str, value: str, note_html: str) -> str:
    return (
        f'<div class="card"><p class="label">{escape(label)}</p><p class="value">{escape(value)}</p>'
        f'<div class="note">{note_html}</div></div>'
    )


def _interval(report: dict[str, Any]) -> str:
    """The 95% interval as words and as a bar from 0 to 100%."""
    low, high = (report.get("success_ci95") or [None, None])[:2]
    if low is None or high is None:
        return ""
    rate = report.get("success_rate")
    mark = "" if rate is None else f'<i style="left:{100 * rate:.1f}%"></i>'
    return (
        f"95% interval {percent(low)} to {percent(high)}, {count(report.get('episodes'))} episodes"
        f'<div class="bar"><b style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></b>{mark}</div>'
    )


def _safety(report: dict[str, Any]) -> str:
    chips = []
    for key, label in SAFETY.items():
        amount = report.get(key)
        if amount is None:
            continue
        kind, mark, text = ("bad", "✗", f"{count(amount)} {label}") if amount else ("good", "✓", f"no {label}")
        chips.append(f'<span class="chip {kind}">{mark} {escape(text)}</span>')
    force, limit = report.get("max_contact_force_n"), report.get("config", {}).get("task", {}).get("force_budget_n")
    if force is not None and limit is not None:
        text = f"largest contact force {force:.0f} N, impacts included (steady limit {limit:.0f} N)"
        chips.append(f'<span class="chip {"good" if force <= limit else "warn"}">{escape(text)}</span>')
    stops = report.get("protective_stops")
    if stops is not None:
        text = f"the arm stopped itself {count(stops)} times" if stops else "the arm never had to stop itself"
        chips.append(f'<span class="chip {"warn" if stops else "good"}">{escape(text)}</span>')
    return f'<p class="chips">{"".join(chips)}</p>' if chips else ""


def _failures_last(filmstrips: list[Filmstrip]) -> list[Filmstrip]:
    return sorted(filmstrips, key=lambda strip: not strip.success)


def _evaluation(rows: list[dict[str, Any]]) -> str:
    """How many succeeded, and the seeds that did not, so that they can be played again."""
    if not any("success" in row for row in rows):
        return ""
    failed = [str(row.get("seed", "?")) for row in rows if not row.get("success")]
    text = f"{len(rows) - len(failed)} of {len(rows)} episodes succeeded."
    more = ", ..." if len(failed) > MOST_SEEDS else ""
    seeds = f" Seeds that failed: {', '.join(failed[:MOST_SEEDS])}{more}." if failed else ""
    dots = "".join(_dot(row) for row in rows)
    words = f"<p>{escape(text + seeds)}</p>"
    return f'<div class="card">{words}<div class="dots" aria-hidden="true">{dots}</div></div>'


def _dot(row: dict[str, Any]) -> str:
    word, kind = ("success", "good") if row.get("success") else ("failure", "bad")
    tip = f"seed {row.get('seed', '?')}: {word}, {duration(row.get('duration_s'))}"
    return f'<span class="{kind}" title="{escape(tip)}">{"" if kind == "good" else "✗"}</span>'


def _figures(report: dict[str, Any]) -> str:
    rows = flatten({key: value for key, value in report.items() if key not in FOLDED})
    return f'<div class="card table">{_table(rows)}</div>' if rows else ""


def _table(rows: dict[str, Any]) -> str:
    cells = "".join(f"<tr><th>{escape(key)}</th><td>{escape(number(value))}</td></tr>" for key, value in rows.items())
    return f"<table>{cells}</table>"


def _fold(name: str, value: Any) -> str:
    rows = flatten(value) if isinstance(value, dict) else {}
    return f'<details class="card table"><summary>{escape(name)}</summary>{_table(rows)}</details>' if rows else ""


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""
