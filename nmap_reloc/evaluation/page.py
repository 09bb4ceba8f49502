"""The report's skeleton and style: no script, no external file, light and dark, phone and desk."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_CSS = """
:root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1d2127;--soft:#646b75;
--faint:#b9bec6;--line:#e6e4df;--accent:#2f6fd0;--accent2:#9dbdec;--bad:#c93a2b;--good:#23804f;
--warn:#c98a1b}
@media (prefers-color-scheme:dark){:root{--paper:#14161a;--card:#1c1f25;--ink:#e7e9ec;
--soft:#9aa2ad;--faint:#4d545f;--line:#2b2f37;--accent:#6ea3f2;--accent2:#34507c;--bad:#f0705f;
--good:#58c48b;--warn:#e0ad4a}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2.2rem 1.1rem 3rem;max-width:1180px;background:var(--paper);
color:var(--ink);font:15px/1.5 Inter,system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
font-variant-numeric:tabular-nums;-webkit-text-size-adjust:100%}
h1{font-size:1.65rem;line-height:1.2;letter-spacing:-.02em;margin:0;font-weight:650}
h2{font-size:1rem;margin:0 0 .7rem;font-weight:620;letter-spacing:-.005em}
.sub,.note,figcaption,summary{color:var(--soft);font-size:.86rem}
.sub{margin:.35rem 0 1.5rem}.note{margin:.6rem 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(126px,1fr));gap:.7rem}
.card,section{background:var(--card);border:1px solid var(--line);border-radius:12px}
.card{padding:.75rem .85rem}.card b{display:block;font-size:1.3rem;line-height:1.25;
font-weight:640;letter-spacing:-.02em;white-space:nowrap}.card span{color:var(--soft);
font-size:.8rem;display:block}
.grid{columns:2;column-gap:.9rem;margin:.9rem 0}
section{padding:1.05rem 1.15rem;margin:0 0 .9rem;break-inside:avoid}
svg{width:100%;height:auto;display:block;font-family:inherit}
svg *{stroke-linejoin:round;stroke-linecap:butt}
.bar{display:grid;grid-template-columns:8.6rem 1fr 5.4rem;gap:.7rem;align-items:center;
margin:.42rem 0;font-size:.88rem}
.bar span{overflow-wrap:anywhere}.bar b{text-align:right;font-weight:560;white-space:nowrap}
.track{position:relative;height:.72rem;border-radius:99px;background:var(--line);overflow:hidden}
.track i{position:absolute;inset:0 auto 0 0;border-radius:99px;background:var(--accent)}
.track i.back{background:var(--accent2)}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:.9rem}
figure{margin:0}figure img{width:100%;display:block;border-radius:8px}
figcaption{margin-top:.35rem;overflow-wrap:anywhere}figcaption b{color:var(--ink);font-weight:560}
.bad{color:var(--bad)}.good{color:var(--good)}
table{border-collapse:collapse;width:100%;font-size:.84rem;margin-top:.6rem}
th,td{text-align:right;padding:.28rem .55rem;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}th:first-child,td:first-child,td.text,th.text{text-align:left}
td.text{overflow-wrap:anywhere}.scroll{overflow-x:auto}summary{cursor:pointer}
@media (max-width:820px){.grid{columns:1}body{padding-top:1.3rem}
.bar{grid-template-columns:6.6rem 1fr 4.9rem}.cards{grid-template-columns:repeat(2,1fr)}
.card b{font-size:1.2rem}}
"""


def page(title: str, subtitle: str, body: str) -> str:
    """A whole HTML document; ``title`` and ``subtitle`` are text, ``body`` is HTML."""
    return (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{escape(title)}</title><style>{_CSS}</style></head>\n"
            f'<body><h1>{escape(title)}</h1><p class="sub">{escape(subtitle)}</p>\n'
            f"{body}\n</body></html>\n")


def section(title: str, content: str, note: str = "") -> str:
    """A framed part of the page; ``content`` is HTML."""
    below = f'<p class="note">{escape(note)}</p>' if note else ""
    return f"<section><h2>{escape(title)}</h2>{content}{below}</section>"


def cards(rows: Sequence[tuple[str, str]]) -> str:
    """(figure, what it is) pairs."""
    return '<div class="cards">' + "".join(
        f'<div class="card"><b>{escape(figure)}</b><span>{escape(what)}</span></div>'
        for figure, what in rows) + "</div>"


def bar(label: str, value: str, length: float, back: float | None = None) -> str:
    """A horizontal bar; ``length`` and the paler one behind it, ``back``, in 0..1."""
    behind = "" if back is None else f'<i class="back" style="width:{back * 100:.2f}%"></i>'
    return (f'<div class="bar"><span>{escape(label)}</span><div class="track">{behind}'
            f'<i style="width:{length * 100:.2f}%"></i></div><b>{escape(value)}</b></div>')


def table(header: Sequence[str], rows: Sequence[Sequence[str]],
          text_columns: Sequence[int] = ()) -> str:
    """Cells are text; columns in ``text_columns`` stand left."""
    kind = ['class="text"' if i in text_columns else "" for i in range(len(header))]
    head = "".join(f"<th {k}>{escape(cell)}</th>" for k, cell in zip(kind, header, strict=True))
    body = "".join("<tr>" + "".join(f"<td {k}>{escape(cell)}</td>"
                                    for k, cell in zip(kind, row, strict=True)) + "</tr>"
                   for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
