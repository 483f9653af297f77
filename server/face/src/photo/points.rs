//! Which of `MediaPipe`'s 478 face landmarks is what.
//!
//! Left and right are the person's; in pictures the person's right is on the
//! left. Lists run from the picture's left to its right unless they say
//! otherwise.

/// Rows of the upper lip, from its outline to its edge.
pub(crate) const UPPER_LIP: [[usize; 11]; 4] = [
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
    [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
    [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
];
/// Rows of the lower lip, from its outline to its edge.
pub(crate) const LOWER_LIP: [[usize; 11]; 4] = [
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
    [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
    [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
];
/// Eye openings, round from the outer corner over the upper lid.
pub(crate) const RIGHT_EYE: [usize; 16] = [
    33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7,
];
pub(crate) const LEFT_EYE: [usize; 16] = [
    263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249,
];
/// Lids: upper and lower, both corners included.
pub(crate) const RIGHT_LIDS: [[usize; 9]; 2] = [
    [33, 246, 161, 160, 159, 158, 157, 173, 133],
    [33, 7, 163, 144, 145, 153, 154, 155, 133],
];
pub(crate) const LEFT_LIDS: [[usize; 9]; 2] = [
    [362, 398, 384, 385, 386, 387, 388, 466, 263],
    [362, 382, 381, 380, 374, 373, 390, 249, 263],
];
/// Irises: the middle and four points of the rim.
pub(crate) const RIGHT_IRIS: [usize; 5] = [468, 469, 470, 471, 472];
pub(crate) const LEFT_IRIS: [usize; 5] = [473, 474, 475, 476, 477];
/// Lower edges of the brows.
pub(crate) const RIGHT_BROW: [usize; 5] = [46, 53, 52, 65, 55];
pub(crate) const LEFT_BROW: [usize; 5] = [285, 295, 282, 283, 276];
/// Outline of the face, clockwise in pictures, from the middle of the forehead.
pub(crate) const OVAL: [usize; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];
pub(crate) const FOREHEAD: usize = 10;
pub(crate) const CHIN: usize = 152;
/// In front of the ears.
pub(crate) const RIGHT_EAR: usize = 234;
pub(crate) const LEFT_EAR: usize = 454;
/// Points that no expression moves much: eye corners, the bridge and sides of
/// the nose, temples, forehead.
pub(crate) const RIGID: [usize; 20] = [
    33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 1, 98, 327, 127, 356, 234, 454, 10, 67, 297,
];
/// Landmarks of the mesh; those after it are the irises.
pub(crate) const MESH: usize = 468;
