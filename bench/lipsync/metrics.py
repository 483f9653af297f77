"""How well visemes at 100 Hz fit hand labels.

A clip of an evaluation folder is `wav/ID.wav` and an entry of `refs.json`: `id`,
`dur` (seconds) and `segs`, a list of [IPA phone, start, end]. A phone may be
shown by more than one viseme; what the mouth does during h and glottal stops is
not judged.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models/lipsync"))
import phones  # noqa: E402

# Jaw opening, rounding, closure of each viseme: what the eye sees of it.
CURVES = np.array(
    [[0.03, 0.05, 0.35], [0.02, 0.08, 1], [0.1, 0.05, 0.45], [0.18, 0.05, 0], [0.18, 0.05, 0], [0.28, 0.05, 0], [0.14, 0.5, 0],
     [0.1, 0.05, 0], [0.2, 0.05, 0], [0.22, 0.4, 0], [0.9, 0.05, 0], [0.5, 0, 0], [0.28, 0, 0], [0.6, 0.65, 0], [0.28, 0.95, 0.05]]
)
PP, FF = phones.INDEX["PP"], phones.INDEX["FF"]
# Visemes that sound alike and do not look alike: how often one is taken for the other.
ALIKE = [("PP", "nn"), ("nn", "PP"), ("FF", "TH"), ("TH", "FF")]


def frames_of(ref):
    """(viseme or -1 [T], accepted [T, 15]) of a clip."""
    count = int(ref["dur"] * 100)
    label, accepted = np.full(count, -1), np.zeros((count, 15), bool)
    middle = (np.arange(count) + 0.5) / 100
    for phone, start, end in ref["segs"]:
        pause = phone in ("", "sil", "sp", "spn", "#", "-")
        at = start
        for share, visemes in phones.targets("" if pause else phone):
            until = at + share * (end - start)
            here = (middle >= at) & (middle < until)
            if visemes:
                label[here] = phones.INDEX[visemes[0]]
                for viseme in visemes:
                    accepted[here, phones.INDEX[viseme]] = True
            at = until
    return label, accepted


def runs(values):
    """[(value, first, one past last)]"""
    edges = np.flatnonzero(np.diff(values)) + 1
    starts, ends = np.r_[0, edges], np.r_[edges, len(values)]
    return [(values[a], a, b) for a, b in zip(starts, ends)]


def smooth(x):
    """25 ms Gaussian along time."""
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.5) ** 2)
    kernel /= kernel.sum()
    return np.stack([np.convolve(np.pad(column, 8, "edge"), kernel, "valid") for column in x.T], 1)


def correlate(a, b):
    return float(np.corrcoef(a, b)[0, 1]) if np.std(a) > 1e-6 and np.std(b) > 1e-6 else 0.0


def score(refs, predictions, face_curves=None):
    """Figures of `predictions` {id: [T, 15]}; with `face_curves` {id: [T, >=3]} also those of the face itself."""
    right = speech = hits = frames = 0
    confusion = np.zeros((15, 15))
    closures = {PP: np.zeros(4), FF: np.zeros(4)}
    lags = {lag: [0, 0] for lag in range(-12, 13)}
    onsets, wanted, said, labelled = [], 0, 0, 0
    want_curves, got_curves, face_rows = [], [], []
    for ref in refs:
        label, accepted = frames_of(ref)
        count = len(label)
        weights = np.zeros((count, 15))
        given = predictions[ref["id"]][:count]
        weights[: len(given)] = given
        weights[len(given) :, 0] = 1
        weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
        guess = weights.argmax(1)
        known = label >= 0
        spoken = label > 0
        ok = accepted[np.arange(count), guess]
        right, frames = right + (ok & known).sum(), frames + known.sum()
        hits, speech = hits + (ok & spoken).sum(), speech + spoken.sum()
        np.add.at(confusion, (label[known], np.where(ok, label, guess)[known]), 1)
        for lag, cell in lags.items():
            at = np.arange(count) + lag
            inside = (at >= 0) & (at < count) & spoken
            cell[0] += accepted[np.arange(count)[inside], guess[at[inside]]].sum()
            cell[1] += inside.sum()
        label_runs, guess_runs = [r for r in runs(label) if r[0] >= 0], runs(guess)
        said, labelled = said + len(guess_runs), labelled + len(label_runs)
        for viseme, cell in closures.items():
            for value, a, b in label_runs:
                if value == viseme:
                    cell[:2] += [(guess[max(0, a - 2) : b + 2] == viseme).any(), 1]
            for value, a, b in guess_runs:
                if value == viseme:
                    cell[2:] += [accepted[max(0, a - 4) : b + 4, viseme].any(), 1]
        for value, a, _ in label_runs:
            if value > 0:
                wanted += 1
                near = [s - a for v, s, _ in guess_runs if v == value and abs(s - a) <= 10]
                if near:
                    onsets.append(10 * min(near, key=abs))
        # Where nothing is judged, the mouth goes to what comes next.
        shown, following = label.copy(), 0
        for i in range(count - 1, -1, -1):
            following = shown[i] if shown[i] >= 0 else following
            shown[i] = following
        want_curves.append(smooth(CURVES[shown]))
        got_curves.append(smooth(weights @ CURVES))
        if face_curves:
            rows = face_curves[ref["id"]][:count, :3]
            face_rows.append(np.concatenate([rows, np.repeat(rows[-1:], count - len(rows), 0)]))
    want, got = np.concatenate(want_curves), np.concatenate(got_curves)
    f1 = []
    for viseme in range(15):
        if confusion[viseme].sum() >= 30:
            recall = confusion[viseme, viseme] / confusion[viseme].sum()
            precision = confusion[viseme, viseme] / max(confusion[:, viseme].sum(), 1)
            f1.append(2 * recall * precision / max(recall + precision, 1e-9))
    best = max(lags, key=lambda lag: lags[lag][0] / max(lags[lag][1], 1))
    figures = {
        "frames": right / frames,
        "speech": hits / speech,
        "F1": float(np.mean(f1)),
        "PP recall": closures[PP][0] / max(closures[PP][1], 1),
        "PP prec.": closures[PP][2] / max(closures[PP][3], 1),
        "FF recall": closures[FF][0] / max(closures[FF][1], 1),
        "FF prec.": closures[FF][2] / max(closures[FF][3], 1),
        "r jaw": correlate(want[:, 0], got[:, 0]),
        "r round": correlate(want[:, 1], got[:, 1]),
        "r close": correlate(want[:, 2], got[:, 2]),
        "onset ms": float(np.median(np.abs(onsets))) if onsets else float("nan"),
        "lag ms": best * 10,
        "flicker": said / labelled,
    }
    for said_as, taken_for in ALIKE:
        row = confusion[phones.INDEX[said_as]]
        figures[f"{said_as} as {taken_for}"] = row[phones.INDEX[taken_for]] / max(row.sum(), 1)
    if face_curves:
        face = np.concatenate(face_rows)
        for k, name in enumerate(("jaw", "round", "close")):
            figures[f"face r {name}"] = correlate(want[:, k], face[:, k])
    return figures
