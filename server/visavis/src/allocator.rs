//! How the C library's allocator keeps memory.
//!
//! Rust, `OpenH264`, Opus and ONNX Runtime all allocate through it.

/// Blocks from this size on go back to the system when they are freed, in bytes.
///
/// A picture in I420 from 320 × 320 pixels on and a second of sound are larger.
const RETURNED_FROM: libc::c_int = 128 * 1_024;

/// Returns large blocks to the system as soon as they are freed.
///
/// By itself the GNU allocator raises this threshold, up to 32 MiB, with each large block that is
/// freed, and keeps what lies below it for later: thirty sessions that are over then leave 50 to
/// 60 MiB behind, against about 8 with the threshold held where it starts. The CPU time of a
/// rendered video is the same within its scatter.
pub fn return_large_blocks() {
    // SAFETY: `mallopt` takes two numbers by value and may be called at any time; no thread has
    // been started yet.
    let taken = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_FROM) };
    debug_assert_eq!(taken, 1, "the GNU allocator takes up to 32 MiB");
}
