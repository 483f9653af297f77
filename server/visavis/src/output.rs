//! Where a rendering goes: an MP4, or a folder of pictures where they are
//! transparent. Either takes its name when it is whole; until then what stood
//! there stays.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use media::seam::Sink;
use record::frames::{self, Frames};
use record::{Recorder, WhenFull};

/// A rendering that is under way. Dropping it removes what is left of its files.
pub struct Output {
    target: PathBuf,
    /// The video or folder until it is whole.
    unfinished: PathBuf,
    /// What a recorder keeps beside it.
    fragments: PathBuf,
    kind: Kind,
}

enum Kind {
    Video(record::Handle),
    Folder(frames::Handle),
}

impl Output {
    /// An MP4, over one that is there already.
    pub fn video(target: &Path, pre_skip: u16) -> anyhow::Result<(Self, Box<dyn Sink>)> {
        let [unfinished, fragments] = beside(target);
        remove(&unfinished);
        remove(&fragments);
        let settings = record::Settings {
            pre_skip,
            when_full: WhenFull::Wait,
        };
        let recorder =
            Recorder::create(&unfinished, settings).with_context(|| unwritable(target))?;
        let output = Self {
            target: target.to_owned(),
            unfinished,
            fragments,
            kind: Kind::Video(recorder.handle()),
        };
        Ok((output, Box::new(recorder)))
    }

    /// A folder of PNG files and a WAV, which must not be there already.
    pub fn folder(target: &Path) -> anyhow::Result<(Self, Box<dyn Sink>)> {
        if target.extension().is_some() {
            bail!(
                "{} cannot be transparent: name a folder, for PNG files and a WAV",
                target.display()
            );
        }
        if target.exists() {
            bail!("{} is there already: name a new folder", target.display());
        }
        let [unfinished, fragments] = beside(target);
        remove(&unfinished);
        let (frames, handle) = Frames::create(&unfinished).with_context(|| unwritable(target))?;
        let output = Self {
            target: target.to_owned(),
            unfinished,
            fragments,
            kind: Kind::Folder(handle),
        };
        Ok((output, Box::new(frames)))
    }

    /// Where it goes.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Waits until all is written, and gives it its name. The sink must have
    /// been dropped.
    pub fn finish(&self) -> anyhow::Result<()> {
        match &self.kind {
            Kind::Video(handle) => {
                let ended = handle.wait().ended;
                if ended != Some(record::Ended::Closed) {
                    bail!("{} is incomplete: {ended:?}", self.target.display());
                }
            }
            Kind::Folder(handle) => {
                handle.take().with_context(|| unwritable(&self.target))?;
            }
        }
        std::fs::rename(&self.unfinished, &self.target).with_context(|| unwritable(&self.target))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        remove(&self.unfinished);
        remove(&self.fragments);
    }
}

fn unwritable(target: &Path) -> String {
    format!("{} cannot be written", target.display())
}

fn beside(target: &Path) -> [PathBuf; 2] {
    [".rendering", ".rendering.part"].map(|suffix| {
        let mut name = target.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    })
}

/// Removes what a rendering left, now or when it was killed. Mostly there is
/// nothing; what cannot be removed is told when it is made anew.
fn remove(path: &Path) {
    let _ = if path.is_dir() {
        std::fs::remove_dir_all(path)
    } else {
        std::fs::remove_file(path)
    };
}
