//! Pictures that show nothing new, written without the encoder.
//!
//! A silent face often shows the same picture again. Coding it costs nearly as
//! much as a moving one, because the encoder compares every block. A picture
//! whose macroblocks are all `P_Skip` (ITU-T H.264 §7.3.4, §8.4.1.1) is a
//! dozen bytes, and every decoder turns it into an exact copy of the picture
//! before: with all neighbours skipped the predicted motion is zero, there is
//! no residual, and equal references with equal motion are not deblocked.
//!
//! Such a picture is a reference like any other and takes a `frame_num`. The
//! encoder does not know of it, so the numbers in the slice headers that it
//! writes later are moved on by the count of pictures written here. The field
//! has a fixed width, so nothing else in the slice moves. What the next picture
//! refers to is the copy, which equals what the encoder refers to.
//!
//! This holds for one reference picture, output in decoding order
//! (`pic_order_cnt_type` 2) and CAVLC: what the encoder here always writes.
//! [`Numbering::learn`] checks it in the parameter sets and refuses otherwise.

use media::annexb::kind::{PPS, SLICE, SLICE_IDR, SPS};
use media::annexb::{Reader, kind_of, unescape, units};

use super::bits::{Writer, append_escaped, patch};

/// `nal_ref_idc` of the slices written here; the encoder uses the same.
const REFERENCE: u8 = 3;

/// What the parameter sets say about slice headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    frame_num_bits: usize,
    macroblocks: u32,
    picture_parameter_set: u32,
    deblocking_control: bool,
}

/// Keeps count of `frame_num` across coded and repeated pictures.
#[derive(Debug, Default)]
pub struct Numbering {
    layout: Option<Layout>,
    /// `frame_num` of the last picture that was sent.
    last: u32,
    /// How many pictures the encoder does not know of, since the key frame.
    extra: u32,
}

impl Numbering {
    /// Takes a key frame: its parameter sets hold from here on, and counting
    /// begins anew.
    pub fn learn(&mut self, key_frame: &[u8]) {
        self.last = 0;
        self.extra = 0;
        self.layout = layout(key_frame);
    }

    /// The access unit that repeats the picture before, or `None` when this
    /// stream does not allow it.
    pub fn repeat(&mut self) -> Option<Vec<u8>> {
        let layout = self.layout?;
        let number = (self.last + 1) & mask(layout.frame_num_bits);
        let mut slice = Writer::default();
        slice.bits(u32::from(REFERENCE << 5 | SLICE), 8);
        slice.ue(0); // first_mb_in_slice
        slice.ue(5); // slice_type: P, and so are all slices of the picture
        slice.ue(layout.picture_parameter_set);
        slice.bits(number, layout.frame_num_bits);
        slice.bits(0, 1); // num_ref_idx_active_override_flag
        slice.bits(0, 1); // ref_pic_list_modification_flag_l0
        slice.bits(0, 1); // adaptive_ref_pic_marking_mode_flag
        slice.ue(0); // slice_qp_delta, se(0)
        if layout.deblocking_control {
            slice.ue(1); // disable_deblocking_filter_idc
        }
        slice.ue(layout.macroblocks); // mb_skip_run
        self.last = number;
        self.extra = (self.extra + 1) & mask(layout.frame_num_bits);
        let mut unit = Vec::new();
        append_escaped(&slice.finish(), &mut unit);
        Some(unit)
    }

    /// Gives the slices of a coded picture that is no key frame the numbers
    /// that follow the repeated ones.
    pub fn renumber(&mut self, picture: Vec<u8>) -> Vec<u8> {
        let Some(layout) = self.layout else {
            return picture;
        };
        if self.extra == 0 {
            // The same pass would change nothing but the count.
            self.last = (self.last + 1) & mask(layout.frame_num_bits);
            return picture;
        }
        let mut out = Vec::with_capacity(picture.len() + 8);
        for range in units(&picture) {
            let mut unit = unescape(&picture[range]);
            if kind_of(&unit) == SLICE
                && let Some((at, number)) = frame_num(&unit, layout.frame_num_bits)
            {
                self.last = (number + self.extra) & mask(layout.frame_num_bits);
                patch(&mut unit, at, self.last, layout.frame_num_bits);
            }
            append_escaped(&unit, &mut out);
        }
        out
    }
}

const fn mask(bits: usize) -> u32 {
    (1 << bits) - 1
}

/// Position in bits and value of `frame_num` in a slice (§7.3.3).
fn frame_num(unit: &[u8], bits: usize) -> Option<(usize, u32)> {
    let mut reader = Reader::new(unit);
    reader.bits(8)?;
    reader.ue()?; // first_mb_in_slice
    reader.ue()?; // slice_type
    reader.ue()?; // pic_parameter_set_id
    let at = reader.position();
    Some((at, reader.bits(bits)?))
}

fn layout(key_frame: &[u8]) -> Option<Layout> {
    let mut sequence = None;
    let mut picture = None;
    let mut slices = 0;
    for range in units(key_frame) {
        let unit = unescape(&key_frame[range]);
        match kind_of(&unit) {
            SPS => sequence = sequence_parameters(&unit),
            PPS => picture = picture_parameters(&unit),
            SLICE_IDR => slices += 1,
            _ => {}
        }
    }
    let (frame_num_bits, macroblocks) = sequence?;
    let (picture_parameter_set, deblocking_control) = picture?;
    (slices == 1).then_some(Layout {
        frame_num_bits,
        macroblocks,
        picture_parameter_set,
        deblocking_control,
    })
}

/// Width of `frame_num` and number of macroblocks (§7.3.2.1.1), when repeating
/// pictures is possible under this set.
fn sequence_parameters(unit: &[u8]) -> Option<(usize, u32)> {
    let mut reader = Reader::new(unit);
    reader.bits(8)?;
    // Only the Baseline profile has no further fields before the ones below.
    if reader.bits(8)? != 66 {
        return None;
    }
    reader.bits(16)?; // constraint flags, level_idc
    reader.ue()?; // seq_parameter_set_id
    let frame_num_bits = reader.ue()? as usize + 4;
    let output_in_decoding_order = reader.ue()? == 2;
    let one_reference = reader.ue()? == 1;
    reader.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width = reader.ue()? + 1;
    let height = reader.ue()? + 1;
    let no_fields = reader.flag()?;
    let usable = frame_num_bits <= 16 && output_in_decoding_order && one_reference && no_fields;
    let macroblocks = width.checked_mul(height)?;
    usable.then_some((frame_num_bits, macroblocks))
}

/// Number of the set, and whether slices say how to deblock (§7.3.2.2).
fn picture_parameters(unit: &[u8]) -> Option<(u32, bool)> {
    let mut reader = Reader::new(unit);
    reader.bits(8)?;
    let id = reader.ue()?;
    reader.ue()?; // seq_parameter_set_id
    let cabac = reader.flag()?;
    let order_in_slices = reader.flag()?;
    let slice_groups = reader.ue()?;
    if slice_groups != 0 {
        return None;
    }
    reader.ue()?; // num_ref_idx_l0_default_active_minus1
    reader.ue()?; // num_ref_idx_l1_default_active_minus1
    let weighted = reader.flag()?;
    reader.bits(2)?; // weighted_bipred_idc
    reader.se()?; // pic_init_qp_minus26
    reader.se()?; // pic_init_qs_minus26
    reader.se()?; // chroma_qp_index_offset
    let deblocking_control = reader.flag()?;
    reader.flag()?; // constrained_intra_pred_flag
    let redundant = reader.flag()?;
    let usable = !cabac && !order_in_slices && !weighted && !redundant;
    usable.then_some((id, deblocking_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbering(frame_num_bits: usize) -> Numbering {
        Numbering {
            layout: Some(Layout {
                frame_num_bits,
                macroblocks: 1_024,
                picture_parameter_set: 0,
                deblocking_control: true,
            }),
            last: 0,
            extra: 0,
        }
    }

    fn coded(number: u32, bits: usize) -> Vec<u8> {
        let mut slice = Writer::default();
        slice.bits(0x61, 8);
        slice.ue(0);
        slice.ue(5);
        slice.ue(0);
        slice.bits(number, bits);
        slice.bits(0xdead_beef, 32);
        let mut out = Vec::new();
        append_escaped(&slice.finish(), &mut out);
        out
    }

    fn number_of(access_unit: &[u8], bits: usize) -> u32 {
        let range = units(access_unit).remove(0);
        frame_num(&unescape(&access_unit[range]), bits).unwrap().1
    }

    #[test]
    fn numbers_count_on_through_repeats_and_around_the_end() {
        for bits in [4, 15] {
            let mut numbering = numbering(bits);
            let mut expected = 0;
            let mut of_encoder = 0;
            for step in 0..100_u32 {
                expected = (expected + 1) & mask(bits);
                let unit = if step % 7 < 3 {
                    numbering.repeat().unwrap()
                } else {
                    of_encoder = (of_encoder + 1) & mask(bits);
                    numbering.renumber(coded(of_encoder, bits))
                };
                assert_eq!(number_of(&unit, bits), expected, "step {step}");
            }
        }
    }

    #[test]
    fn without_known_parameter_sets_nothing_is_touched() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.repeat(), None);
        let picture = coded(5, 15);
        assert_eq!(numbering.renumber(picture.clone()), picture);
        numbering.learn(&[0, 0, 0, 1, 0x67, 100, 0, 31, 0, 0, 0, 1, 0x65]);
        assert_eq!(numbering.repeat(), None, "another profile is refused");
    }
}
