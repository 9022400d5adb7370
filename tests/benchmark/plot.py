"""Bars and lines as SVG: readable in light and dark, values written beside the marks."""

from html import escape

STYLE = """text{font:12px system-ui,sans-serif;fill:#16202a}.muted{fill:#4b5864}.bar{fill:#9aa7b1}.ours{fill:#0b6470}
.axis{stroke:#cfd7dd}.goal{stroke:#9e1238;stroke-dasharray:4 3}.line{fill:none;stroke:#9aa7b1;stroke-width:2}.line.ours{stroke:#0b6470;fill:none}
@media(prefers-color-scheme:dark){text{fill:#cfd6db}.muted{fill:#98a4ad}.bar{fill:#5a666f}.ours{fill:#63bfc9}.axis{stroke:#2c353b}.line.ours{stroke:#63bfc9}}"""


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bars(title: str, groups: list[tuple[str, str, list[tuple[str, float | None]]]], ours: str) -> str:
    """Horizontal bars. A group is a case, its unit, and the value of each server; each group has its own scale."""
    lines, y = [], 40
    for case, unit, values in groups:
        known = [(name, value) for name, value in values if value is not None]
        if not known:
            continue
        most = max(value for _, value in known)
        lines.append(f'<text x="0" y="{y}">{escape(case)} <tspan class="muted">({escape(unit)})</tspan></text>')
        y += 8
        for name, value in known:
            width = max(1.0, 380 * value / most) if most else 1.0
            lines.append(f'<text class="muted" x="0" y="{y + 12}">{escape(name)}</text>')
            lines.append(f'<rect class="bar{" ours" if name == ours else ""}" x="110" y="{y + 2}" width="{width:.1f}" height="12" rx="2"/>')
            lines.append(f'<text x="{116 + width:.1f}" y="{y + 12}">{number(value)}</text>')
            y += 18
        y += 18
    return document(title, 620, y, lines)


def curve(title: str, unit: str, points: dict[str, list[tuple[float, float]]], goal: float | None = None, ours: str = "") -> str:
    """Lines over a logarithmic axis; a line is a name and its (x, y)."""
    from math import log10
    width, height, left, top = 620, 300, 60, 40
    xs = [x for line in points.values() for x, _ in line]
    most = max([y for line in points.values() for _, y in line] + ([goal] if goal else [])) * 1.1
    first, last = log10(min(xs)), log10(max(xs))
    at = lambda x, y: (left + (log10(x) - first) / (last - first) * (width - left - 150), top + (1 - y / most) * (height - top - 40))  # noqa: E731
    lines = [f'<text class="muted" x="0" y="{top - 8}">{escape(unit)}</text>',
             f'<line class="axis" x1="{left}" y1="{height - 40}" x2="{width - 150}" y2="{height - 40}"/>']
    for x in sorted(set(xs)):
        lines.append(f'<text class="muted" text-anchor="middle" x="{at(x, 0)[0]:.0f}" y="{height - 22}">{number(x)}</text>')
    for y in (0, most / 2.2, most / 1.1):
        lines.append(f'<text class="muted" text-anchor="end" x="{left - 6}" y="{at(min(xs), y)[1] + 4:.0f}">{number(y)}</text>')
    if goal:
        y = at(min(xs), goal)[1]
        lines.append(f'<line class="goal" x1="{left}" y1="{y:.1f}" x2="{width - 150}" y2="{y:.1f}"/><text class="muted" x="{width - 145}" y="{y + 4:.1f}">goal {number(goal)}</text>')
    placed = []
    for name, line in sorted(points.items(), key=lambda one: -one[1][-1][1]):
        path = " ".join(f"{'M' if n == 0 else 'L'}{at(*p)[0]:.1f} {at(*p)[1]:.1f}" for n, p in enumerate(sorted(line)))
        lines.append(f'<path class="line{" ours" if name == ours else ""}" d="{path}"/>')
        y = at(*sorted(line)[-1])[1]
        while any(abs(y - other) < 13 for other in placed):
            y += 3
        placed.append(y)
        lines.append(f'<text x="{width - 145}" y="{y + 4:.1f}">{escape(name)}</text>')
    return document(title, width, height, lines)


def document(title: str, width: int, height: int, lines: list[str]) -> str:
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>',
        f"<style>{STYLE}</style>", f'<text x="0" y="16" font-weight="650">{escape(title)}</text>', *lines, "</svg>", ""])
