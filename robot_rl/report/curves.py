"""The learning curves: which there are, and how they are drawn."""

import math
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io

WINDOW = 20
"""Episodes in a moving mean."""
MOST_TICKS = 7
BLUE, AMBER, GREY = "#2f6d9e", "#c07a2c", "#8a949e"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


@dataclass(frozen=True)
class Curve:
    """One line of a chart: a key of the metrics rows."""

    key: str
    label: str
    smooth: bool = False
    """Show the moving mean as the line and the single values as faint dots."""
    right: bool = False
    """Use the axis on the right."""


@dataclass(frozen=True)
class Chart:
    """A titled figure with one or two curves over environment steps."""

    title: str
    caption: str
    curves: tuple[Curve, ...]
    share: bool = False
    """Values lie in [0, 1]; the axis shows per cent."""
    log: bool = False
    reference: str = ""
    """Key of the report with a value to compare with, drawn as a dashed line (the expert's)."""
    echo_of: str = ""
    """Left out where its first curve only repeats this key, up to a factor."""


CHARTS = (
    Chart(
        "Success",
        f"mean of {WINDOW} episodes",
        (Curve("success_alone", "alone", smooth=True), Curve("success", "with help", smooth=True)),
        share=True,
    ),
    Chart(
        "Return",
        f"per episode, mean of {WINDOW}",
        (Curve("return", "return", smooth=True),),
        echo_of="success",
    ),
    Chart(
        "Help from a person",
        "share of steps in which a person acted",
        (Curve("intervention_share", "intervention share", smooth=True),),
        share=True,
    ),
    Chart(
        "Time per episode",
        "seconds",
        (Curve("cycle_time_s", "episode", smooth=True),),
        reference="expert_cycle_time_s",
    ),
    Chart(
        "Steps per episode",
        "policy steps",
        (Curve("length", "episode", smooth=True),),
        reference="expert_length",
        echo_of="cycle_time_s",
    ),
    Chart(
        "Is the critic honest?",
        "predicted value against the return that came",
        (Curve("q_mean", "predicted Q"), Curve("mc_return", "Monte-Carlo")),
    ),
    Chart(
        "Exploration",
        "entropy (left) and temperature (right)",
        (Curve("entropy", "entropy"), Curve("temperature", "temperature", right=True)),
    ),
    Chart(
        "Gradient norms",
        "logarithmic",
        (Curve("critic_grad_norm", "critic"), Curve("actor_grad_norm", "actor")),
        log=True,
    ),
    Chart("Updates per step", "achieved update-to-data ratio", (Curve("utd", "updates per step"),)),
)


def curves_html(metrics: list[dict[str, Any]], report: dict[str, Any]) -> list[str]:
    """One <figure> for each chart that has data; rows without `env_steps` are left out."""
    rows = [row for row in metrics if _number(row.get("env_steps"))]
    figures: list[str] = []
    for chart in CHARTS:
        if _is_echo(chart, rows):
            continue
        figure = _figure(chart, rows, report)
        if figure is not None:
            dashed = "; dashed: the expert" * _number(report.get(chart.reference))
            figures.append(_html(chart, figure, dashed, f"curve-{len(figures)}"))
    return figures


def _is_echo(chart: Chart, rows: list[dict[str, Any]]) -> bool:
    pairs = [(row.get(chart.curves[0].key), row.get(chart.echo_of)) for row in rows]
    if not pairs or not all(_number(a) and _number(b) for a, b in pairs):
        return False
    a, b = np.array(pairs, dtype=float).T
    return bool(a.any() and b.any() and np.allclose(a * b.sum(), b * a.sum()))


def _figure(chart: Chart, rows: list[dict[str, Any]], report: dict[str, Any]) -> go.Figure | None:
    figure = go.Figure(layout=_layout(chart))
    for curve, colour in zip(chart.curves, (BLUE, AMBER), strict=False):
        xy = [(row["env_steps"], float(row[curve.key])) for row in rows if _number(row.get(curve.key))]
        if xy:
            figure.add_traces(_traces(curve, colour, [x for x, _ in xy], [y for _, y in xy]))
    if not figure.data:
        return None
    if chart.log:
        figure.update_yaxes(logarithmic([y for trace in figure.data for y in trace.y]))
    if _number(report.get(chart.reference)):
        figure.add_hline(report[chart.reference], line={"color": GREY, "width": 1.5, "dash": "dash"})
    return figure


def _traces(curve: Curve, colour: str, x: list[float], y: list[float]) -> list[go.Scatter]:
    """The line, and for a smoothed curve the single values behind it."""
    axis = "y2" if curve.right else "y"
    values = moving_mean(y) if curve.smooth else y
    mode = "lines+markers" if len(y) == 1 else "lines"
    line = go.Scatter(x=x, y=values, name=curve.label, mode=mode, yaxis=axis, line={"color": colour, "width": 2.2})
    if not curve.smooth:
        return [line]
    dots = go.Scatter(x=x, y=y, mode="markers", hoverinfo="skip", showlegend=False, yaxis=axis)
    dots.marker = {"color": colour, "size": 4, "opacity": 0.22}
    return [dots, line]


def moving_mean(values: list[float], window: int = WINDOW) -> list[float]:
    """Mean of each value and up to `window - 1` before it."""
    parts = [values[max(0, i + 1 - window) : i + 1] for i in range(len(values))]
    return [sum(part) / len(part) for part in parts]


def logarithmic(values: list[float]) -> dict[str, Any]:
    """An axis around the positive ones of `values`, labelled at 1, 2, 5, 10, or at powers of ten where it is long."""
    positive = [value for value in values if value > 0]
    if not positive:
        return {"type": "log"}
    low, high = min(positive), max(positive)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    steps = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    low, high = max(step for step in steps if step < low), min(step for step in steps if step > high)
    ticks = [step for step in steps if low <= step <= high]
    if len(ticks) > MOST_TICKS:
        ticks = [step for step in ticks if f"{step:e}".startswith("1")]
    labels = [f"{tick:g}" for tick in ticks]
    ends = [math.log10(low), math.log10(high)]
    return {"type": "log", "tickmode": "array", "tickvals": ticks, "ticktext": labels, "range": ends}


def _layout(chart: Chart) -> dict[str, Any]:
    axis = {"gridcolor": "#e9edf0", "zeroline": False, "linecolor": "#c9d0d6", "fixedrange": True}
    scale = {} if chart.log else {"rangemode": "tozero"}
    percent = {"range": [-0.04, 1.04], "tickformat": ".0%"} if chart.share else {}
    return {
        "template": "none",
        "height": 230,
        "margin": {"l": 48, "r": 52 if any(c.right for c in chart.curves) else 12, "t": 6, "b": 38},
        "font": {"family": FONT, "size": 12, "color": "#4a545d"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "showlegend": len(chart.curves) > 1,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        "xaxis": {**axis, "title": {"text": "environment steps", "standoff": 6}, "rangemode": "tozero"},
        "yaxis": {**axis, **percent, **scale, "nticks": 6},
        "yaxis2": {
            **axis,
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "tickmode": "auto",
            "rangemode": "tozero",
        },
    }


def _html(chart: Chart, figure: go.Figure, dashed: str, name: str) -> str:
    body = plotly.io.to_html(
        figure,
        include_plotlyjs=False,
        full_html=False,
        div_id=name,
        default_height="230px",
        config={"responsive": True, "displayModeBar": False},
    )
    title = f"<strong>{escape(chart.title)}</strong> {escape(chart.caption + dashed)}"
    return f'<figure class="card curve"><figcaption>{title}</figcaption>{body}</figure>'


def _number(value: Any) -> bool:
    return isinstance(value, (int, float))
