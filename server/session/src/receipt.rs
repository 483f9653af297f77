//! Latency receipts: when each stage of a turn first had something.

use std::collections::VecDeque;
use std::time::Duration;

use media::Turn;
use serde::Serialize;

/// Receipts kept for a session. A client that asks late wants the last few.
const KEPT: usize = 16;

/// A stage of a turn, in the order of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The voice knows the phonemes of the first clause.
    Timings,
    /// The first sample of sound exists.
    Sample,
    /// The first face controls of the turn exist.
    Controls,
    /// The first picture of the turn is drawn.
    Picture,
    /// The first packet with sound of the turn was given to the sinks.
    Packet,
}

/// Times of one turn, milliseconds of wall time after its text or first sound
/// was received.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Receipt {
    /// The turn.
    pub turn: Turn,
    /// The stages.
    pub stages: Stages,
    #[serde(skip)]
    received: Duration,
}

/// The stages of a [`Receipt`], ms; `None` where a stage did not happen (yet).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Stages {
    /// Always 0: the start of the count.
    pub text_received_ms: f64,
    /// See [`Mark::Timings`]. Absent for pushed sound.
    pub first_timings_ms: Option<f64>,
    /// See [`Mark::Sample`].
    pub first_sample_ms: Option<f64>,
    /// See [`Mark::Controls`].
    pub first_controls_ms: Option<f64>,
    /// See [`Mark::Picture`].
    pub first_picture_ms: Option<f64>,
    /// See [`Mark::Packet`].
    pub first_packet_ms: Option<f64>,
    /// First talking picture shown, as the client reported it.
    pub shown_ms: Option<f64>,
}

/// The receipts of the last turns of a session.
#[derive(Debug, Default)]
pub(crate) struct Book {
    receipts: VecDeque<Receipt>,
}

impl Book {
    pub(crate) fn open(&mut self, turn: Turn, now: Duration) {
        if self.receipts.len() == KEPT {
            self.receipts.pop_front();
        }
        self.receipts.push_back(Receipt {
            turn,
            stages: Stages::default(),
            received: now,
        });
    }

    /// Notes that a stage happened; the first time counts. Returns the receipt
    /// when this completed it.
    pub(crate) fn mark(&mut self, turn: Turn, mark: Mark, now: Duration) -> Option<Receipt> {
        let receipt = self.receipts.iter_mut().rev().find(|r| r.turn == turn)?;
        let stages = &mut receipt.stages;
        let slot = match mark {
            Mark::Timings => &mut stages.first_timings_ms,
            Mark::Sample => &mut stages.first_sample_ms,
            Mark::Controls => &mut stages.first_controls_ms,
            Mark::Picture => &mut stages.first_picture_ms,
            Mark::Packet => &mut stages.first_packet_ms,
        };
        if slot.is_some() {
            return None;
        }
        *slot = Some(now.saturating_sub(receipt.received).as_secs_f64() * 1e3);
        // A turn that begins between two pictures sends sound first: the
        // receipt is complete with whichever of the two comes last.
        let complete = stages.first_packet_ms.is_some() && stages.first_picture_ms.is_some();
        complete.then_some(*receipt)
    }

    /// Notes what the client reported.
    pub(crate) fn shown(&mut self, turn: Turn, after_ms: f64) -> Option<Receipt> {
        let receipt = self.receipts.iter_mut().find(|r| r.turn == turn)?;
        if receipt.stages.shown_ms.is_some() {
            return None;
        }
        receipt.stages.shown_ms = Some(after_ms);
        Some(*receipt)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.iter()
    }
}
