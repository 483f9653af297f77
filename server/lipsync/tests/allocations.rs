//! A hop allocates nothing of ours: features, gate, hold, plan, coarticulation,
//! expression and acting. What ONNX Runtime's wrapper allocates for a run (names
//! and values of its outputs) is measured by itself and taken off.

#![allow(
    clippy::unwrap_used,
    reason = "what a test relies on is asserted by unwrapping it"
)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use lipsync::features::{BANDS, FRAMES};
use lipsync::{Mouth, Settings};
use media::seam::{LipSync, MouthSource};
use media::{Cue, Emotion, Gesture, HOP, MediaTime, Mood};
use ort::value::TensorRef;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more, and is not counted.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread during some work.
fn count(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// Hops before the count begins: buffers reach their size.
const WARM: usize = 30;

#[test]
fn a_hop_of_the_hot_loop_allocates_nothing() {
    let (sound, timings) = common::clip("slt");
    let model = common::model();
    let hops = &sound.as_chunks::<HOP>().0[..140];

    let runs = one_run();

    for source in [MouthSource::Planned, MouthSource::Heard] {
        let settings = Settings {
            expression: 1.0,
            ..Settings::default()
        };
        let mut mouth = Mouth::new(model.clone(), settings);
        mouth.plan(MediaTime::ZERO, &timings);
        for (i, hop) in hops.iter().enumerate() {
            match i {
                40 => mouth.act(Cue::Mood(Mood::new(Emotion::Happy, 1.0))),
                60 => mouth.act(Cue::Gesture(Gesture::Nod)),
                _ => {}
            }
            let at = MediaTime((i * HOP) as i64);
            let all = count(|| {
                mouth.hop(at, hop, source).unwrap();
            });
            let others = match source {
                MouthSource::Planned => 0,
                MouthSource::Heard => runs,
            };
            assert!(
                i < WARM || all <= others,
                "{source:?}: hop {i} allocates {all} times, the network {others}"
            );
        }
    }
}

/// Allocations of the wrapper for one run of the network.
fn one_run() -> u64 {
    let mut session = common::session();
    let size = session.inputs()[1].dtype().tensor_shape().unwrap()[1] as usize;
    let (mel, state) = ([0.0_f32; FRAMES * BANDS], vec![0.0_f32; size]);
    let mut run = || {
        let mel = TensorRef::from_array_view(([1, FRAMES, BANDS], mel.as_slice())).unwrap();
        let state = TensorRef::from_array_view(([1, size], state.as_slice())).unwrap();
        let inputs = ort::inputs!["mel" => mel, "state" => state];
        let out = session.run(inputs).unwrap();
        let visemes = out["visemes"].try_extract_tensor::<f32>().unwrap();
        let next = out["next_state"].try_extract_tensor::<f32>().unwrap();
        assert!(!visemes.1.is_empty() && next.1.len() == size);
    };
    for _ in 0..WARM {
        run();
    }
    let allocations = count(run);
    println!("a run of the network: {allocations} allocations of its wrapper");
    allocations
}
