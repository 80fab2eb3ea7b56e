"""Colours and type of all figures."""

# The palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
DATA, FUNCTION, KNOT, BAND = "#56B4E9", "#000000", "#D55E00", "#009E73"
GREY = "#666666"

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "svg.hashsalt": "reluctant",
    "agg.path.chunksize": 20000,
}
