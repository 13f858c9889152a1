"""An evaluation as one self-contained HTML page: plots as inline SVG, no script, nothing fetched, the same bytes for the same numbers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from html import escape

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from triage.evaluation.records import Evaluation, Group
from triage.evaluation.text import METRICS, interval, number

__all__ = ["page"]

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c1e21;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}th{background:#f3f4f6}figure{display:inline-block;margin:0 1rem 1rem 0}
figcaption{max-width:26rem;font-size:.9rem;color:#444}.warn{background:#fff3cd;border-left:4px solid #b45309;padding:.6rem 1rem}
svg{max-width:100%;height:auto}
"""


def page(evaluation: Evaluation) -> bytes:
    """UTF-8 HTML."""
    e, c = evaluation, evaluation.coverage
    title = f"Evaluation of {e.variant}"
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>",
        f"<p>Model {escape(e.model_version or 'unknown')}, threshold {e.threshold:g}. {e.smoke.total} smokes and {e.fp.total} false"
        f" positives of {e.cameras} cameras. {c.rows} rows in the report, {c.labelled} of them labelled, {c.unlabelled} not (not measured),"
        f" {c.dropped} labelled but dropped. Intervals: 95%, {e.resamples} resamples of whole cameras, seed {e.seed}.</p>",
        _warnings(e),
        "<h2>Where the labelled sequences went</h2>",
        _table(
            ("", "To Review", "Unlabel", "Hold", "Dropped", "All"),
            [(name, s.review, s.unlabeled, s.hold, s.dropped, s.total) for name, s in (("smoke", e.smoke), ("false positive", e.fp))],
        ),
        "<p>A held or dropped sequence has no score and stays with the humans: a held smoke is not lost, and is no success of the"
        " scores either. The numbers over scored sequences leave it out; the two lines “held included” count it as kept.</p>",
        "<h2>Numbers</h2>",
        _table(("", "value", "95% interval"), [(name, number(e.metrics[k].value), interval(e.metrics[k])) for k, name in METRICS.items()]),
        f"<p>A Brier score of {number(e.brier_of_prevalence)} is what always answering with the share of smoke would get."
        f" Expected calibration error: {number(e.expected_calibration_error)}.</p>",
        "<h2>Thresholds for target recalls</h2>",
        _table(
            ("recall", "highest threshold", "95% interval", "saves", "95% interval", "false positives cleared", "smokes lost"),
            [
                (
                    f"{t.recall_target:.2f}",
                    number(t.threshold.value, 4),
                    interval(t.threshold, 4),
                    number(t.saved.value),
                    interval(t.saved),
                    number(t.fp_saved),
                    t.lost,
                )
                for t in e.targets
            ],
        ),
        "<p>Chosen and measured on the same labels: plan with the intervals. A certified choice is another matter (see the audit).</p>",
        _figures(e),
        *(
            f"<h2>By {name}</h2>{_groups(groups)}"
            for name, groups in (("organization", e.organizations), ("type", e.types), ("camera", e.camera_groups))
        ),
        "<h2>Smokes below the threshold</h2>",
        _table(("sequence", "score", "camera"), [(one.key, number(one.score, 4), one.camera) for one in e.lost])
        if e.lost
        else "<p>None.</p>",
        "</main></body></html>\n",
    ]
    return "\n".join(parts).encode()


def _warnings(e: Evaluation) -> str:
    lines = []
    if e.trained_on:
        lines.append(f"Not an evaluation: the model was trained on {len(e.trained_on)} of these sequences.")
    if e.trained_on is not None and e.unchecked:
        lines.append(f"{e.unchecked} sequences could not be checked against the model's training set.")
    return "".join(f"<p class=warn>{escape(line)}</p>" for line in lines)


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    cells = "".join(f"<th scope=col>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def _groups(groups: tuple[Group, ...]) -> str:
    if not groups:
        return "<p>Not known.</p>"
    head = ("", "smoke", "lost", "held", "false positives", "cleared", "held", "precision", "recall", "ROC AUC")
    return _table(
        head,
        [
            (
                g.name,
                g.smoke.total,
                g.smoke.unlabeled,
                g.smoke.hold,
                g.fp.total,
                g.fp.unlabeled,
                g.fp.hold,
                number(g.precision),
                number(g.recall),
                number(g.roc_auc),
            )
            for g in groups
        ],
    )


def _figures(e: Evaluation) -> str:
    if not e.roc:
        return "<p>No curves: they need scored sequences of both classes.</p>"
    figures = [
        ("ROC curve", "Share of smokes kept against share of false positives kept; the dot is the threshold.", _roc),
        ("Precision and recall", "Share of smoke among what is kept against share of smokes kept; the dot is the threshold.", _pr),
        ("Reliability", "Share of smoke against mean score in ten bins; on the diagonal a score means what it says.", _reliability),
        ("Threshold sweep", "What each threshold would keep and save.", _sweep),
    ]
    return "".join(
        f"<figure><div role=img aria-label='{escape(name)}'>{_svg(e, draw, name)}</div><figcaption>{escape(caption)}</figcaption></figure>"
        for name, caption, draw in figures
    )


def _svg(e: Evaluation, draw: Callable[[Axes, Evaluation], None], name: str) -> str:
    # The salt and the absent date make equal numbers give equal bytes.
    with matplotlib.rc_context({"svg.hashsalt": f"triage {name}", "svg.fonttype": "path"}):
        figure = Figure(figsize=(4.6, 3.8), layout="tight")
        axes = figure.add_subplot()
        draw(axes, e)
        axes.set_title(name)
        axes.grid(alpha=0.3)
        data = io.StringIO()
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    text = data.getvalue()
    return text[text.index("<svg") :]


def _roc(axes: Axes, e: Evaluation) -> None:
    axes.plot(*zip(*e.roc, strict=True), color="#0b57d0")
    axes.plot([0, 1], [0, 1], ":", color="#888888")
    if e.confusion.recall is not None and e.confusion.specificity is not None:
        axes.plot([1 - e.confusion.specificity], [e.confusion.recall], "o", color="#b3261e")
    axes.set_xlabel("false positives kept")
    axes.set_ylabel("smokes kept (recall)")


def _pr(axes: Axes, e: Evaluation) -> None:
    axes.step(*zip(*e.pr, strict=True), where="pre", color="#0b57d0")
    if e.confusion.recall is not None and e.confusion.precision is not None:
        axes.plot([e.confusion.recall], [e.confusion.precision], "o", color="#b3261e")
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_ylim(0, 1.03)


def _reliability(axes: Axes, e: Evaluation) -> None:
    known = [
        (one.mean_score, one.smoke_share, one.count) for one in e.reliability if one.mean_score is not None and one.smoke_share is not None
    ]
    axes.plot([0, 1], [0, 1], ":", color="#888888")
    axes.plot([x for x, _, _ in known], [y for _, y, _ in known], "o-", color="#0b57d0")
    for x, y, count in known:
        axes.annotate(str(count), (x, y), textcoords="offset points", xytext=(4, -11), fontsize=8)
    axes.set_xlabel("mean score")
    axes.set_ylabel("share of smoke (labels: sequences)")


def _sweep(axes: Axes, e: Evaluation) -> None:
    thresholds = [row.threshold for row in e.sweep]
    for name, color, values in (
        ("recall", "#0b57d0", [row.recall for row in e.sweep]),
        ("work saved", "#b45309", [row.saved for row in e.sweep]),
        ("precision", "#188038", [row.precision for row in e.sweep]),
    ):
        axes.plot(thresholds, [float("nan") if value is None else value for value in values], color=color, label=name)
    axes.axvline(e.threshold, color="#b3261e", linewidth=1)
    axes.set_xlabel("threshold")
    axes.legend()
