"""Log-mel features, exactly as the server computes them (server/lipsync, `features`).

16 kHz; frame j is a 400-sample Hann window that ends with sample 160 (j + 1),
512-point power spectrum, 40 triangular HTK-mel bands between 60 and 7600 Hz,
ln(x + 1e-5). Before the first sample there is silence. Nothing looks ahead.
"""

import numpy as np

RATE, WINDOW, HOP, FFT, BANDS = 16_000, 400, 160, 512, 40
LOW, HIGH, FLOOR = 60.0, 7600.0, 1e-5


def mel_bank():
    """[bands, FFT/2+1] triangles."""
    mel = lambda f: 2595 * np.log10(1 + f / 700)
    edges = 700 * (10 ** (np.linspace(mel(LOW), mel(HIGH), BANDS + 2) / 2595) - 1)
    f = np.arange(FFT // 2 + 1) * RATE / FFT
    rise = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall)).astype(np.float32)


BANK = mel_bank()
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def log_mel(sound):
    """[frames, BANDS] of float sound at 16 kHz; a last piece below 10 ms is dropped."""
    n = len(sound) // HOP
    padded = np.concatenate([np.zeros(WINDOW - HOP, np.float32), sound[: n * HOP].astype(np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:n]
    power = np.abs(np.fft.rfft(frames * HANN, FFT)).astype(np.float32) ** 2
    return np.log(power @ BANK.T + FLOOR).astype(np.float32)
