//! H.264 in MP4: parameter sets, and access units with lengths in place of
//! start codes (ISO/IEC 14496-15 §5).

use media::annexb::kind::{PPS, SPS};
use media::annexb::{Reader, kind_of, unescape, units};

/// The parameter sets of a track and the size they give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Sequence parameter set, a NAL unit.
    pub sps: Vec<u8>,
    /// Picture parameter set, a NAL unit.
    pub pps: Vec<u8>,
    /// Width of the shown picture, pixels.
    pub width: u16,
    /// Height of the shown picture, pixels.
    pub height: u16,
    /// What its colours mean.
    pub colours: Colours,
}

/// What the colours of a stream mean, as far as it says (ITU-T H.264 §E.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    /// `matrix_coefficients` of table E-5: 1 is BT.709, 5 and 6 are BT.601.
    pub matrix: Option<u8>,
    /// Whether luma goes from 0 to 255 in place of 16 to 235.
    pub full_range: bool,
}

impl Config {
    /// Takes the parameter sets that stand in front of a key frame.
    #[must_use]
    pub fn of_key_frame(access_unit: &[u8]) -> Option<Self> {
        let mut sps = None;
        let mut pps = None;
        for range in units(access_unit) {
            let unit = &access_unit[range];
            match kind_of(unit) {
                SPS => sps = Some(unit),
                PPS => pps = Some(unit),
                _ => {}
            }
        }
        Self::new(sps?.to_vec(), pps?.to_vec())
    }

    /// Makes a configuration of two NAL units. `None` when the sequence
    /// parameter set does not make sense.
    #[must_use]
    pub fn new(sps: Vec<u8>, pps: Vec<u8>) -> Option<Self> {
        let (width, height, colours) = shown(&unescape(&sps))?;
        // The lengths must fit their fields in the avcC box.
        if sps.len() > usize::from(u16::MAX) || pps.is_empty() || pps.len() > usize::from(u16::MAX)
        {
            return None;
        }
        Some(Self {
            sps,
            pps,
            width,
            height,
            colours,
        })
    }
}

/// Appends an Annex B access unit to `out` with a four-byte length in front of
/// each NAL unit, leaving out the parameter sets, which the file keeps in its
/// head. Gives the number of bytes appended.
pub fn append_sample(access_unit: &[u8], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    for range in units(access_unit) {
        let unit = &access_unit[range];
        if matches!(kind_of(unit), SPS | PPS) {
            continue;
        }
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out.len() - start
}

/// Turns a sample back into an Annex B access unit, with the parameter sets in
/// front when it is a key frame. `None` when the lengths do not fit.
#[must_use]
pub fn access_unit(sample: &[u8], config: &Config, key: bool) -> Option<Vec<u8>> {
    const START: [u8; 4] = [0, 0, 0, 1];
    let mut out = Vec::with_capacity(sample.len() + 64);
    if key {
        for unit in [&config.sps, &config.pps] {
            out.extend_from_slice(&START);
            out.extend_from_slice(unit);
        }
    }
    let mut rest = sample;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 || length > after.len() {
            return None;
        }
        out.extend_from_slice(&START);
        out.extend_from_slice(&after[..length]);
        rest = &after[length..];
    }
    Some(out)
}

/// Width, height and colours that a sequence parameter set gives (ITU-T H.264
/// §7.3.2.1.1, cropping of §7.4.2.1.1 for 4:2:0).
fn shown(sps: &[u8]) -> Option<(u16, u16, Colours)> {
    let mut reader = Reader::new(sps);
    reader.bits(8)?;
    let profile = reader.bits(8)?;
    reader.bits(16)?; // constraint flags, level_idc
    reader.ue()?; // seq_parameter_set_id
    if [100, 110, 122, 244, 44, 83, 86, 118, 128].contains(&profile) {
        let chroma = reader.ue()?;
        if chroma != 1 {
            return None;
        }
        reader.ue()?; // bit_depth_luma_minus8
        reader.ue()?; // bit_depth_chroma_minus8
        reader.flag()?; // qpprime_y_zero_transform_bypass_flag
        if reader.flag()? {
            // Scaling matrices: no encoder of ours writes them.
            return None;
        }
    }
    reader.ue()?; // log2_max_frame_num_minus4
    match reader.ue()? {
        0 => {
            reader.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            reader.flag()?;
            reader.se()?;
            reader.se()?;
            let cycle = reader.ue()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                reader.se()?;
            }
        }
        _ => {}
    }
    reader.ue()?; // max_num_ref_frames
    reader.flag()?; // gaps_in_frame_num_value_allowed_flag
    let width = reader.ue()?.checked_add(1)?.checked_mul(16)?;
    let map_units = reader.ue()?.checked_add(1)?;
    let frames_only = u32::from(reader.flag()?);
    if frames_only == 0 {
        reader.flag()?; // mb_adaptive_frame_field_flag
    }
    reader.flag()?; // direct_8x8_inference_flag
    let rows = 2 - frames_only;
    let height = map_units.checked_mul(16)?.checked_mul(rows)?;
    let (mut across, mut down) = (0_u32, 0_u32);
    if reader.flag()? {
        across = reader.ue()?.checked_add(reader.ue()?)?.checked_mul(2)?;
        let lines = reader.ue()?.checked_add(reader.ue()?)?;
        down = lines.checked_mul(2)?.checked_mul(rows)?;
    }
    let side = |full: u32, cropped: u32| {
        let side = u16::try_from(full.checked_sub(cropped)?).ok()?;
        (side > 0).then_some(side)
    };
    let size = (side(width, across)?, side(height, down)?);
    Some((size.0, size.1, colours(&mut reader).unwrap_or_default()))
}

/// The colours of the usability information that ends a sequence parameter set
/// (§E.1.1). `None` when it does not come to them.
fn colours(reader: &mut Reader<'_>) -> Option<Colours> {
    if !reader.flag()? {
        return None;
    }
    // aspect_ratio_idc, and a ratio of its own.
    if reader.flag()? && reader.bits(8)? == 255 {
        reader.bits(32)?;
    }
    // overscan_info
    if reader.flag()? {
        reader.flag()?;
    }
    if !reader.flag()? {
        return None;
    }
    reader.bits(3)?; // video_format
    let full_range = reader.flag()?;
    let matrix = if reader.flag()? {
        reader.bits(16)?; // colour_primaries, transfer_characteristics
        Some(reader.bits(8)? as u8)
    } else {
        None
    };
    Some(Colours { matrix, full_range })
}
