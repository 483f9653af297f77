//! The conductor: turn machine, timeline, events and receipts, without I/O.
