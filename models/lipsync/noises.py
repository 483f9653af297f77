"""Sounds that are not speech: the mouth must rest through all of them. All made by rule."""

import numpy as np
from scipy.signal import butter, lfilter, sosfilt

RATE = 16_000


def coloured(rng, n, slope):
    """Noise whose power falls with frequency to the power of `slope` (0 white, 1 pink, 2 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    f = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20.0)
    out = np.fft.irfft(spectrum * f ** (-slope / 2), n)
    return out / (np.std(out) + 1e-9)


def band(rng, sound, low, high):
    sos = butter(2, [max(low, 30), min(high, 7800)], "bandpass", fs=RATE, output="sos")
    return sosfilt(sos, sound)


def envelope(n, points):
    """Linear interpolation through (second, level)."""
    t, v = zip(*points)
    return np.interp(np.arange(n) / RATE, t, v)


def silence(rng, n):
    return rng.standard_normal(n) * 10 ** rng.uniform(-5.5, -3.5)


def stationary(rng, n):
    noise = coloured(rng, n, rng.uniform(0, 2.2))
    if rng.random() < 0.4:
        low = rng.uniform(50, 2500)
        noise = band(rng, noise, low, low * rng.uniform(1.5, 8))
    if rng.random() < 0.4:  # mains or fan
        f = rng.choice([50, 60, 100, 120, rng.uniform(80, 400)])
        t = np.arange(n) / RATE
        noise += sum(rng.uniform(0, 2) / k * np.sin(2 * np.pi * f * k * t + rng.uniform(0, 6)) for k in range(1, 8))
    if rng.random() < 0.3:  # slow swell, as wind or traffic
        noise *= 0.3 + np.abs(np.interp(np.arange(n), np.linspace(0, n, 12), rng.standard_normal(12)))
    return noise


def breaths(rng, n):
    out = coloured(rng, n, 1) * 0.01
    t = rng.uniform(0, 0.8)
    while t * RATE < n - RATE:
        length = rng.uniform(0.25, 1.1)
        m = int(length * RATE)
        i = int(t * RATE)
        m = min(m, n - i)
        noise = band(rng, rng.standard_normal(m), rng.uniform(200, 900), rng.uniform(2000, 7000))
        rise = rng.uniform(0.2, 0.7)
        out[i : i + m] += noise * np.interp(np.linspace(0, 1, m), [0, rise, 1], [0, 1, 0]) ** 1.5 * rng.uniform(0.2, 1)
        t += length + rng.uniform(0.3, 1.5)
    return out


def clicks(rng, n):
    """Keys, mouse, knocks, taps."""
    out = coloured(rng, n, 1) * rng.uniform(0.001, 0.02)
    t = 0.1
    keyboard = rng.random() < 0.6
    while t * RATE < n - 1600:
        i = int(t * RATE)
        m = int(RATE * (rng.uniform(0.005, 0.04) if keyboard else rng.uniform(0.01, 0.12)))
        f = rng.uniform(1200, 6000) if keyboard else rng.uniform(80, 1500)
        k = np.arange(m) / RATE
        hit = (np.sin(2 * np.pi * f * k) * rng.uniform(0, 1) + rng.standard_normal(m)) * np.exp(-k * rng.uniform(60, 400))
        out[i : i + m] += hit[: n - i] * rng.uniform(0.2, 1)
        if keyboard and rng.random() < 0.7 and i + m + 1600 < n:  # release
            j = i + int(RATE * rng.uniform(0.04, 0.09))
            out[j : j + m] += hit[: n - j] * 0.4
        t += rng.exponential(0.15 if keyboard else 0.6) + 0.03
    return out


def _note(rng, f, m, bright, kind):
    k = np.arange(m) / RATE
    vibrato = 1 + rng.uniform(0, 0.006) * np.sin(2 * np.pi * rng.uniform(4, 7) * k)
    phase = 2 * np.pi * np.cumsum(f * vibrato) / RATE
    harmonics = range(1, max(2, min(20, int(7000 / f))))
    tone = sum(h**-bright * np.sin(h * phase + rng.uniform(0, 6)) for h in harmonics)
    if kind == "plucked":
        return tone * np.exp(-k * rng.uniform(2, 8))
    attack = rng.uniform(0.01, 0.15)
    return tone * np.minimum(1, k / attack) * np.minimum(1, (m / RATE - k) / 0.05)


def music(rng, n):
    out = np.zeros(n)
    beat = rng.uniform(0.25, 0.8)
    root = 55 * 2 ** rng.uniform(0, 2)
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    layers = rng.random(3) < [0.7, 0.75, 0.6]
    bright, lead = rng.uniform(0.7, 2.2), rng.uniform(0.7, 2.0)
    kind, lead_kind = str(rng.choice(["plucked", "held"])), str(rng.choice(["plucked", "held"]))
    t, step = 0.0, 0
    while t * RATE < n:
        i = int(t * RATE)
        if layers[0] and step % 4 == 0:
            degree = int(rng.integers(7))
            m = min(int(4 * beat * RATE), n - i)
            for d in (0, 2, 4):
                f = root * 2 * 2 ** ((scale[(degree + d) % 7] + 12 * ((degree + d) // 7)) / 12)
                out[i : i + m] += 0.3 * _note(rng, f, m, bright, kind)
        if layers[1] and rng.random() < 0.85:
            m = min(int(beat * rng.choice([0.5, 1, 2]) * RATE), n - i)
            f = root * 4 * 2 ** (scale[int(rng.integers(7))] / 12)
            out[i : i + m] += 0.5 * _note(rng, f, m, lead, lead_kind)
        if layers[2]:
            m = min(int(0.2 * RATE), n - i)
            k = np.arange(m) / RATE
            if step % 2 == 0:
                out[i : i + m] += 1.2 * np.sin(2 * np.pi * (50 * k + 8 * (1 - np.exp(-k * 30)))) * np.exp(-k * 15)
            else:
                out[i : i + m] += 0.6 * rng.standard_normal(m) * np.exp(-k * 25)
            out[i : i + m] += 0.25 * lfilter([1, -0.95], 1, rng.standard_normal(m)) * np.exp(-k * 60)
        t += beat * (1 if rng.random() < 0.8 else 0.5)
        step += 1
    return out if np.any(out) else coloured(rng, n, 1)


def events(rng, n):
    """Beeps, sweeps, ringing, bangs."""
    out = coloured(rng, n, 1) * 0.01
    t = rng.uniform(0, 0.5)
    while t * RATE < n - 3200:
        i = int(t * RATE)
        m = min(int(RATE * rng.uniform(0.08, 0.9)), n - i)
        k = np.arange(m) / RATE
        f0, f1 = 10 ** rng.uniform(2, 3.6, 2)
        if rng.random() < 0.5:
            f1 = f0
        phase = 2 * np.pi * np.cumsum(np.linspace(f0, f1, m)) / RATE
        tone = np.sin(phase) if rng.random() < 0.5 else np.sign(np.sin(phase)) * 0.5
        if rng.random() < 0.3:
            tone = tone * (0.5 + 0.5 * np.sign(np.sin(2 * np.pi * rng.uniform(8, 25) * k)))
        out[i : i + m] += tone * np.minimum(1, np.minimum(k, m / RATE - k) / 0.01)
        t += rng.uniform(0.2, 1.2)
    return out


KINDS = {"silence": (silence, 0.1), "stationary": (stationary, 0.25), "breaths": (breaths, 0.12), "clicks": (clicks, 0.13), "music": (music, 0.3), "events": (events, 0.1)}


class Noises:
    """Clips that hold no speech at all."""

    def clip(self, rng):
        names = list(KINDS)
        name = str(rng.choice(names, p=[KINDS[k][1] for k in names]))
        n = int(RATE * rng.uniform(4, 8))
        sound = KINDS[name][0](rng, n)
        if name != "silence":
            sound = sound / (np.max(np.abs(sound)) + 1e-9) * 10 ** rng.uniform(-2, -0.1)
        return sound.astype(np.float32), [["", 0.0, n / RATE]], name
