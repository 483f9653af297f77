//! Pictures to files of a folder, and the sound beside them: for transparency,
//! which H.264 in MP4 cannot carry.
//!
//! ```text
//! 00000.png   the first picture; 25 a second, none left out
//! sound.wav   mono, 16 bits, 48 kHz, as long as the pictures or a little less
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use media::seam::{Sink, SinkState};
use media::{CLOCK_HZ, FRAME, Packet, Track};

/// Name of the sound's file.
pub const SOUND: &str = "sound.wav";

/// Bytes of a sample of sound.
const SAMPLE: u32 = 2;

/// The name of a picture's file.
#[must_use]
pub fn name(number: u64) -> String {
    format!("{number:05}.png")
}

/// Takes PNG files and signed 16-bit samples as packets, on the caller's thread.
pub struct Frames {
    folder: PathBuf,
    sound: BufWriter<File>,
    /// Bytes of sound.
    length: u32,
    /// Pictures written.
    count: u64,
    last: Option<Bytes>,
    outcome: Handle,
}

/// What became of the files.
#[derive(Clone, Default)]
pub struct Handle(Arc<Mutex<Option<io::Result<u64>>>>);

impl Handle {
    /// How many pictures were written, after [`Frames`] was dropped.
    ///
    /// # Errors
    /// What went wrong first.
    pub fn take(&self) -> io::Result<u64> {
        let unfinished = || Err(io::Error::other("the files are not finished"));
        self.lock().take().unwrap_or_else(unfinished)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<io::Result<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Frames {
    /// Makes the folder, which must not be there yet.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(folder: &Path) -> io::Result<(Self, Handle)> {
        std::fs::create_dir(folder)?;
        let mut sound = BufWriter::new(File::create(folder.join(SOUND))?);
        sound.write_all(&head(0))?;
        let outcome = Handle::default();
        let frames = Self {
            folder: folder.to_owned(),
            sound,
            length: 0,
            count: 0,
            last: None,
            outcome: outcome.clone(),
        };
        Ok((frames, outcome))
    }

    /// Writes the last picture again up to a number.
    fn repeat(&mut self, until: u64) -> io::Result<()> {
        let Some(last) = self.last.clone() else {
            return Ok(());
        };
        while self.count < until {
            self.picture(&last)?;
        }
        Ok(())
    }

    fn picture(&mut self, file: &[u8]) -> io::Result<()> {
        std::fs::write(self.folder.join(name(self.count)), file)?;
        self.count += 1;
        Ok(())
    }

    fn take(&mut self, packet: &Packet) -> io::Result<()> {
        match packet.track {
            Track::Video => {
                // Pictures of a face at rest are left out on the way.
                self.repeat(u64::try_from(packet.pts.0 / FRAME).unwrap_or(0))?;
                self.last = Some(packet.data.clone());
                self.picture(&packet.data)
            }
            Track::Audio => {
                let size = u32::try_from(packet.data.len()).ok();
                // Room for the head's own sizes.
                let length = size.and_then(|size| self.length.checked_add(size));
                let Some(length) = length.filter(|&l| l < u32::MAX - 64) else {
                    return Err(io::Error::other("the sound is longer than WAV can hold"));
                };
                self.sound.write_all(&packet.data)?;
                self.length = length;
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> io::Result<u64> {
        let samples = u64::from(self.length / SAMPLE);
        self.repeat(samples.div_ceil(FRAME as u64))?;
        self.sound.seek(SeekFrom::Start(0))?;
        self.sound.write_all(&head(self.length))?;
        self.sound.flush()?;
        Ok(self.count)
    }
}

impl Sink for Frames {
    fn write(&mut self, packet: &Packet) -> SinkState {
        match self.take(packet) {
            Ok(()) => SinkState::Open,
            Err(error) => {
                *self.outcome.lock() = Some(Err(error));
                SinkState::Closed
            }
        }
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        if self.outcome.lock().is_none() {
            let finished = self.finish();
            *self.outcome.lock() = Some(finished);
        }
    }
}

/// The head of a WAV file with so many bytes of samples (RIFF WAVE, Microsoft
/// "Multimedia Programming Interface and Data Specifications 1.0").
fn head(length: u32) -> [u8; 44] {
    const RATE: u32 = CLOCK_HZ as u32;
    let mut head = [0; 44];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        head[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    put(&(36 + length).to_le_bytes());
    put(b"WAVEfmt ");
    put(&16_u32.to_le_bytes());
    // PCM, one channel.
    put(&[1, 0, 1, 0]);
    put(&RATE.to_le_bytes());
    put(&(RATE * SAMPLE).to_le_bytes());
    put(&(SAMPLE as u16).to_le_bytes());
    put(&16_u16.to_le_bytes());
    put(b"data");
    put(&length.to_le_bytes());
    head
}

#[cfg(test)]
mod tests {
    use media::{HOP, MediaTime, Turn};

    use super::*;

    fn packet(track: Track, at: i64, data: &[u8]) -> Packet {
        Packet {
            track,
            pts: MediaTime(at),
            duration: HOP as i64,
            key: true,
            turn: Turn::default(),
            data: Bytes::copy_from_slice(data),
        }
    }

    #[test]
    fn no_picture_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("frames");
        let (mut frames, handle) = Frames::create(&folder).unwrap();
        assert!(Frames::create(&folder).is_err(), "it is there already");
        let sound = [7; HOP * 2];
        for hop in 0..20 {
            let at = hop * HOP as i64;
            // The first, the fourth, and then none.
            if [0, 6].contains(&hop) {
                let data = [hop as u8];
                assert_eq!(
                    frames.write(&packet(Track::Video, at, &data)),
                    SinkState::Open
                );
            }
            frames.write(&packet(Track::Audio, at, &sound));
        }
        assert!(handle.take().is_err(), "it goes on");
        drop(frames);
        assert_eq!(handle.take().unwrap(), 10);
        let found: Vec<u8> = (0..10)
            .map(|n| std::fs::read(folder.join(name(n))).unwrap()[0])
            .collect();
        assert_eq!(found, [0, 0, 0, 6, 6, 6, 6, 6, 6, 6]);
        assert!(!folder.join(name(10)).exists());
        let wav = std::fs::read(folder.join(SOUND)).unwrap();
        assert_eq!(wav.len(), 44 + 20 * sound.len());
        assert_eq!(wav[..44], head(20 * sound.len() as u32));
    }

    #[test]
    fn a_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("frames");
        let (mut frames, handle) = Frames::create(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let state = frames.write(&packet(Track::Video, 0, b"x"));
        assert_eq!(state, SinkState::Closed);
        drop(frames);
        assert_eq!(handle.take().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
