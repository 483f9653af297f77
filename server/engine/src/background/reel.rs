//! From the pictures of a video to those of a clip: the ones of even steps of
//! the media clock, upright, in our colours, as large as the screen.

use face::clip::{Clip, Fit};
use media::{CLOCK_HZ, FRAME, Picture};
use record::mp4::avc::Colours;

use super::Error;

/// Longest that a picture of a video is shown so that all of them fit into
/// memory, samples: fewer than 12.5 a second would be seen to jerk.
const MAX_EACH: i64 = 2 * FRAME;
/// Videos of so many lines and more have the colours of BT.709, smaller ones
/// those of BT.601, as players assume of streams that do not say.
const HIGH_DEFINITION: usize = 720;
/// `matrix_coefficients` of BT.709, ITU-T H.264 table E-5; 2 is "unspecified".
const BT709: u8 = 1;
const UNSPECIFIED: u8 = 2;

/// Picks pictures as they come from the decoder.
pub(super) struct Reel {
    size: (usize, usize),
    /// When each picture of the video is shown, seconds.
    times: Vec<f64>,
    /// Pictures taken from the decoder.
    taken: usize,
    /// How many are wanted.
    count: usize,
    each: i64,
    pictures: Vec<Picture>,
    last: Option<Picture>,
    colours: Colours,
    turns: u8,
    fit: Option<Fit>,
}

impl Reel {
    /// For a video of some length, seconds, whose pictures are shown at these
    /// times, in order.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn new(length: f64, times: Vec<f64>, size: (usize, usize)) -> Result<Self, Error> {
        let samples = length * CLOCK_HZ as f64;
        let most = Clip::most(size);
        // The video's own pace where that is slower than ours.
        let own = (samples / times.len().max(1) as f64).round() as i64;
        let own = own.max(FRAME);
        let each = if samples / own as f64 <= most as f64 {
            own
        } else {
            (samples / most as f64).ceil() as i64
        };
        if each > MAX_EACH.max(own) {
            let seconds = (most as i64 * MAX_EACH) as f64 / CLOCK_HZ as f64;
            return Err(Error::TooLarge(format!(
                "it is {length:.1} s long; at {}x{} it may be {seconds:.1} s",
                size.0, size.1
            )));
        }
        Ok(Self {
            size,
            times,
            taken: 0,
            count: ((samples / each as f64).round() as usize).clamp(1, most),
            each,
            pictures: Vec::new(),
            last: None,
            colours: Colours::default(),
            turns: 0,
            fit: None,
        })
    }

    /// What the colours of its pictures mean.
    pub fn of_colours(self, colours: Colours) -> Self {
        Self { colours, ..self }
    }

    /// With pictures that are to be turned clockwise by so many quarters.
    pub fn turned(self, turns: u8) -> Self {
        Self { turns, ..self }
    }

    /// Takes the next picture in the order of showing.
    pub fn push(&mut self, picture: Picture) {
        let Some(&time) = self.times.get(self.taken) else {
            return;
        };
        self.taken += 1;
        // Half a sample for what rounding did to the times.
        let at = time * CLOCK_HZ as f64 - 0.5;
        if let Some(last) = self.last.replace(picture) {
            self.show(last, |moment| moment < at);
        }
    }

    /// Shows a picture at the moments that are not taken yet and lie before
    /// the next one.
    fn show(&mut self, picture: Picture, before: impl Fn(f64) -> bool) {
        let wanted = (self.pictures.len()..self.count)
            .take_while(|&n| before((n as i64 * self.each) as f64))
            .count();
        if wanted > 0 {
            let picture = self.prepare(picture);
            self.pictures.extend(std::iter::repeat_n(picture, wanted));
        }
    }

    fn prepare(&mut self, mut picture: Picture) -> Picture {
        let lines = picture.width().min(picture.height());
        let matrix = self.colours.matrix.filter(|&m| m != UNSPECIFIED);
        let high = matrix.map_or(lines >= HIGH_DEFINITION, |m| m == BT709);
        for _ in 0..self.turns {
            picture = turned(&picture);
        }
        let from = (picture.width(), picture.height());
        let fit = match self.fit.take() {
            Some(fit) if fit.takes(&picture) => fit,
            _ => Fit::new(from, self.size),
        };
        let mut picture = self.fit.insert(fit).fit(picture);
        if self.colours.full_range {
            to_limited(&mut picture);
        }
        if high {
            to_bt601(&mut picture);
        }
        picture
    }

    /// The clip.
    ///
    /// # Errors
    /// [`Error::Empty`] when no picture came.
    pub fn finish(mut self) -> Result<Clip, Error> {
        let last = self.last.take().ok_or(Error::Empty)?;
        self.show(last, |_| true);
        Ok(Clip::new(self.pictures, self.each)?)
    }
}

/// A picture turned clockwise by a quarter.
fn turned(picture: &Picture) -> Picture {
    let plane = |from: &[u8], width: usize, height: usize| -> Vec<u8> {
        (0..width)
            .flat_map(|x| (0..height).rev().map(move |y| from[y * width + x]))
            .collect()
    };
    let (width, height) = (picture.width(), picture.height());
    let mut out = Picture::black(height, width);
    out.y = plane(&picture.y, width, height);
    out.u = plane(&picture.u, width / 2, height / 2);
    out.v = plane(&picture.v, width / 2, height / 2);
    out
}

/// From levels of 0 to 255 to those of limited range.
fn to_limited(picture: &mut Picture) {
    let scaled = |range: u32| std::array::from_fn(|v| ((v as u32 * range + 127) / 255) as u8);
    let (luma, chroma): ([u8; 256], [u8; 256]) = (scaled(219), scaled(224));
    for value in &mut picture.y {
        *value = 16 + luma[usize::from(*value)];
    }
    for value in picture.u.iter_mut().chain(&mut picture.v) {
        *value = 16 + chroma[usize::from(*value)];
    }
}

/// From the colours of BT.709 to those of BT.601, both of limited range: the
/// product of the one's matrix to RGB and the other's back, in 1/65536.
fn to_bt601(picture: &mut Picture) {
    const Y: [i32; 2] = [6_506, 12_830];
    const U: [i32; 2] = [64_873, -7_246];
    const V: [i32; 2] = [-4_749, 64_465];
    let width = picture.width();
    let half = width / 2;
    let sum = |[a, b]: [i32; 2], u: u8, v: u8| {
        (a * (i32::from(u) - 128) + b * (i32::from(v) - 128) + 32_768) >> 16
    };
    for (line, luma) in picture.y.chunks_exact_mut(width).enumerate() {
        let row = line / 2 * half..line / 2 * half + half;
        let chroma = picture.u[row.clone()].iter().zip(&picture.v[row]);
        for (pair, (&u, &v)) in luma.as_chunks_mut::<2>().0.iter_mut().zip(chroma) {
            let change = sum(Y, u, v);
            for value in pair {
                *value = (i32::from(*value) + change).clamp(0, 255) as u8;
            }
        }
    }
    for (u, v) in picture.u.iter_mut().zip(&mut picture.v) {
        let (old_u, old_v) = (*u, *v);
        *u = (128 + sum(U, old_u, old_v)).clamp(0, 255) as u8;
        *v = (128 + sum(V, old_u, old_v)).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(size: (usize, usize), [y, u, v]: [u8; 3]) -> Picture {
        let mut picture = Picture::black(size.0, size.1);
        picture.y.fill(y);
        picture.u.fill(u);
        picture.v.fill(v);
        picture
    }

    #[test]
    fn colours_become_those_of_bt601() {
        // Red and green of BT.709, the same of full range, and grey.
        let hd = Colours {
            matrix: Some(BT709),
            full_range: false,
        };
        let phone = Colours {
            matrix: Some(6),
            full_range: true,
        };
        for (colours, from, to) in [
            (hd, [63, 102, 240], [81, 90, 240]),
            (hd, [173, 42, 26], [145, 54, 34]),
            (phone, [76, 85, 255], [81, 90, 240]),
            (phone, [255, 128, 128], [235, 128, 128]),
            (Colours::default(), [81, 90, 240], [81, 90, 240]),
        ] {
            let mut reel = Reel::new(1.0, vec![0.0], (128, 128))
                .unwrap()
                .of_colours(colours);
            reel.push(flat((128, 128), from));
            let clip = reel.finish().unwrap();
            let shown = clip.picture(0);
            for (got, wanted) in [shown.y[0], shown.u[0], shown.v[0]].into_iter().zip(to) {
                assert!(got.abs_diff(wanted) <= 1, "{colours:?}: {got} for {wanted}");
            }
        }
    }

    #[test]
    fn pictures_are_picked_at_even_steps() {
        // 30 a second for two seconds: 25 are shown, the one of each moment.
        let times: Vec<f64> = (0..60).map(|n| f64::from(n) / 30.0).collect();
        let mut reel = Reel::new(2.0, times, (128, 128)).unwrap();
        for n in 0..60 {
            reel.push(flat((128, 128), [100 + n % 2, 128, n]));
        }
        let last = reel.last.take().unwrap();
        reel.show(last, |_| true);
        assert_eq!((reel.each, reel.pictures.len()), (FRAME, 50));
        for (n, picture) in reel.pictures.iter().enumerate() {
            assert_eq!(usize::from(picture.v[0]), n * 30 / 25, "picture {n}");
        }
    }

    #[test]
    fn a_slow_video_keeps_its_pace_and_a_long_one_is_thinned() {
        let times = |count: i32, rate: f64| (0..count).map(|n| f64::from(n) / rate).collect();
        let slow = Reel::new(4.0, times(40, 10.0), (128, 128)).unwrap();
        assert_eq!((slow.each, slow.count), (CLOCK_HZ / 10, 40));
        let long = Reel::new(15.0, times(375, 25.0), (1280, 720)).unwrap();
        assert!(long.each > FRAME && long.each <= MAX_EACH);
        assert!(long.count <= Clip::most((1280, 720)));
        for (length, rate, size) in [(60.0, 25.0, (1920, 1920)), (60.0, 10.0, (1920, 1080))] {
            let count = (length * rate) as i32;
            let refused = Reel::new(length, times(count, rate), size).err();
            assert!(matches!(refused, Some(Error::TooLarge(_))));
        }
    }

    #[test]
    fn lying_pictures_are_set_upright() {
        // White at the left of a lying picture is at the top of an upright one.
        let mut lying = flat((64, 32), [16, 128, 128]);
        for row in lying.y.chunks_exact_mut(64) {
            row[..16].fill(235);
        }
        for (turns, white) in [(1, 0), (3, 63)] {
            let mut reel = Reel::new(1.0, vec![0.0], (32, 64)).unwrap().turned(turns);
            reel.push(lying.clone());
            let clip = reel.finish().unwrap();
            let rows = clip.picture(0).y.chunks_exact(32);
            let found: Vec<u8> = rows.map(|row| row[16]).collect();
            assert_eq!(found[white], 235);
            assert_eq!(found[63 - white], 16);
        }
    }
}
