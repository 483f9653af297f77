//! A package from loose files: how the stock avatars are put together.
//!
//! `cargo run --release -p face --example pack -- FOLDER OUT`
//!
//! FOLDER holds `about.toml` (id, name, description, licence, voices),
//! `landmarks.f32` (478 x 3 little-endian floats, as in
//! `face::package::Portrait`), `shapes.toml` (what the picture shows, 0..=1 by
//! the names of `media::Blendshape`), `picture.png` and, if there are,
//! `person.png` and `eyes_closed.png`. OUT is a folder that is made, or a file
//! that ends in `.avatar`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use face::Package;
use face::package::{Mask, Meta, Portrait, Rgb};
use image::DynamicImage;
use media::Blendshape;
use media::face::BLENDSHAPES;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    id: String,
    name: String,
    description: String,
    licence: String,
    voices: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(from), Some(to)) = (args.next(), args.next()) else {
        return Err("usage: pack FOLDER OUT".into());
    };
    let (from, to) = (Path::new(&from), Path::new(&to));
    let about: About = toml::from_str(&std::fs::read_to_string(from.join("about.toml"))?)?;
    let portrait = Portrait {
        picture: rgb(image::open(from.join("picture.png"))?),
        landmarks: floats(&from.join("landmarks.f32"))?.as_chunks().0.to_vec(),
        shapes: shapes(&from.join("shapes.toml"))?,
        person: plate(from, "person.png")?.map(|image| {
            let image = image.into_luma8();
            Mask {
                width: image.width() as usize,
                height: image.height() as usize,
                data: image.into_raw(),
            }
        }),
        eyes_closed: plate(from, "eyes_closed.png")?.map(rgb),
    };
    let meta = Meta {
        id: about.id,
        name: about.name,
        description: about.description,
        licence: about.licence,
        voices: about.voices,
        consent: None,
        group: None,
    };
    let package = Package::new(meta, &portrait)?;
    if to.extension().is_some_and(|e| e == "avatar") {
        std::fs::write(to, package.to_bytes()?)?;
    } else {
        package.write_folder(to)?;
    }
    Ok(())
}

fn plate(folder: &Path, name: &str) -> Result<Option<DynamicImage>, Box<dyn Error>> {
    let path = folder.join(name);
    path.exists()
        .then(|| image::open(&path).map_err(Into::into))
        .transpose()
}

fn rgb(image: DynamicImage) -> Rgb {
    let image = image.into_rgb8();
    Rgb {
        width: image.width() as usize,
        height: image.height() as usize,
        data: image.into_raw(),
    }
}

fn shapes(path: &Path) -> Result<[f32; BLENDSHAPES], Box<dyn Error>> {
    let named: BTreeMap<String, f32> = toml::from_str(&std::fs::read_to_string(path)?)?;
    let mut shapes = [0.0; BLENDSHAPES];
    for (name, value) in named {
        let shape = Blendshape::from_name(&name).ok_or_else(|| format!("no shape {name}"))?;
        shapes[shape.index()] = value;
    }
    Ok(shapes)
}

fn floats(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (values, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{} holds no whole numbers", path.display()).into());
    }
    Ok(values.iter().map(|v| f32::from_le_bytes(*v)).collect())
}
