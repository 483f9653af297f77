//! Everything about one face on one screen that does not change from picture
//! to picture.

use std::sync::Arc;

use media::Rect;

use super::backdrop;
use super::basis::Basis;
use super::dirty::Dirty;
use super::eyes::{self, Eye, Look};
use super::fit::Fit;
use super::framing;
use super::mesh::{Mesh, Pose};
use super::motion::Motion;
use super::mouth::{Jaw, Light, Mouth};
use super::points::{LEFT_LIDS, MESH, RIGHT_LIDS};
use super::raster::{self, BITS, Corner, Cover, Target};
use super::seam;
use super::texture::{Matte, Pixel, Placement, Texture, mix, parts};
use crate::package::{Mask, Portrait};
use crate::resample::Source;
use crate::scene::{Behind, Stage, beyond_circle, outside_circle};
use crate::weights::Weights;

/// Texels for each pixel of the screen, if the picture has as many: a little
/// more than one, so that pictures do not blur when they move by half a pixel.
const OVERSAMPLING: f32 = 1.5;
/// The texture reaches beyond the screen by this share of its longer side, for
/// what the head's motion brings in.
const MARGIN: f32 = 0.06;

/// A face ready to be drawn. Shared by all sessions that show it alike.
pub(crate) struct Figure {
    portrait: Arc<Portrait>,
    pub size: (usize, usize),
    /// Where the portrait lies on the screen.
    pub placement: Placement,
    pub mesh: Mesh,
    pub motion: Motion,
    eyes: [Eye; 2],
    mouth: Mouth,
    texture: Texture,
    /// Where each point of the mesh is in the texture.
    texels: Vec<[f32; 2]>,
    /// What each triangle of the mesh shows of the texture.
    covers: Vec<Cover>,
    /// What is behind a texture that is not opaque; else that stays clear.
    backdrop: Option<Vec<Pixel>>,
    /// What is around a circle.
    around: Option<Pixel>,
}

/// All that is drawn at a moment.
pub(crate) struct Moment<'a> {
    pub places: &'a [[i32; 2]],
    pub pose: &'a Pose,
    pub looks: [Look; 2],
    pub jaw: Jaw,
}

fn alpha(mask: &Mask) -> Source<'_> {
    Source {
        width: mask.width,
        height: mask.height,
        channels: 1,
        data: &mask.data,
    }
}

impl Figure {
    /// Prepares a portrait for a stage.
    pub fn new(portrait: &Arc<Portrait>, stage: &Stage) -> Self {
        let basis = Basis::get();
        let size = stage.size;
        let own = stage.behind == Behind::Own;
        let framed = framing::frame(portrait, stage, portrait.person.is_some());
        let placement = framed.placement;
        let mut rest: Vec<[f32; 3]> = portrait
            .landmarks
            .iter()
            .map(|&[x, y, z]| {
                let [x, y] = placement.screen([x, y]);
                [x, y, z / placement.step]
            })
            .collect();
        let (width, height) = (size.0 as f32, size.1 as f32);
        let margin = MARGIN * width.max(height);
        let area = (-margin, -margin, width + margin, height + margin);
        let scale = placement.step.clamp(1.0, OVERSAMPLING);
        let person = portrait.person.as_ref();
        let apart = person.filter(|_| !own || framed.beyond);
        let picture = Source::of(&portrait.picture);
        let wall = apart.map(|_| backdrop::own(portrait, placement, size));
        let matte = apart.zip(wall.as_ref()).map(|(person, behind)| Matte {
            alpha: alpha(person),
            behind,
            cut: framed.sides_cut,
        });
        let texture = Texture::of(picture, matte, placement, area, scale);
        let backdrop = wall.and_then(|wall| backdrop::paint(&stage.behind, &wall, size));
        let millimetre = Fit::new(basis, &rest).scale;
        let open = !seam::snap(&mut rest, &texture, millimetre);
        let mesh = Mesh::new(basis, &rest, size, open);
        let texels: Vec<_> = mesh.shows.iter().map(|&at| texture.texel(at)).collect();
        let covers = mesh
            .triangles
            .iter()
            .map(|corners| Cover::of(&texture, corners.map(|i| texels[usize::from(i)])))
            .collect();
        let motion = Motion::new(basis, &rest, &portrait.shapes, open);
        let face = bounds(&rest[..MESH]);
        let shut = portrait
            .eyes_closed
            .as_ref()
            .map(|plate| Texture::of(Source::of(plate), None, placement, face, scale));
        let light = Light::new(whites(&rest, &texture));
        let mouth = Mouth::new(&rest, motion.scale, &light, open);
        Self {
            portrait: portrait.clone(),
            size,
            placement,
            eyes: eyes::pair(&rest, &texture, shut.as_ref()),
            mouth,
            mesh,
            motion,
            texels,
            covers,
            texture,
            backdrop,
            around: stage.around.map(Pixel::from_le_bytes),
        }
    }

    /// Whether it shows this very portrait.
    pub fn is_of(&self, portrait: &Arc<Portrait>) -> bool {
        Arc::ptr_eq(&self.portrait, portrait)
    }

    /// How the eyes look for weights.
    pub fn looks(&self, weights: &Weights) -> [Look; 2] {
        [self.eyes[0].look(weights), self.eyes[1].look(weights)]
    }

    /// Where jaw and tongue are for weights.
    pub fn jaw(&self, weights: &Weights) -> Jaw {
        Jaw::new(self.motion.jaw_way(weights), weights)
    }

    /// The rectangles in which an eye and the inside of the mouth are drawn.
    pub fn eye_areas(&self, places: &[[i32; 2]]) -> [Rect; 2] {
        [
            self.eyes[0].cover(places, self.size),
            self.eyes[1].cover(places, self.size),
        ]
    }

    pub fn mouth_area(&self, places: &[[i32; 2]]) -> Rect {
        Mouth::cover(places, self.size)
    }

    /// The triangles that show something of the picture: the others show what
    /// is behind, wherever they go.
    pub fn visible(&self) -> impl Iterator<Item = [u16; 3]> + '_ {
        let triangles = self.mesh.triangles.iter().zip(&self.covers);
        triangles
            .filter(|(_, cover)| **cover != Cover::Clear)
            .map(|(&corners, _)| corners)
    }

    /// Draws what is dirty; the same pixels whatever was there. Eyes and mouth
    /// must be dirty wholly or not at all.
    pub fn draw(&self, moment: &Moment<'_>, pixels: &mut [Pixel], dirty: &Dirty) {
        let mut target = Target {
            width: self.size.0,
            height: self.size.1,
            pixels,
            behind: self.backdrop.as_deref(),
            dirty,
        };
        for (&corners, &cover) in self.mesh.triangles.iter().zip(&self.covers) {
            if !dirty.touches(self.touched(moment.places, corners)) {
                continue;
            }
            let corners = corners.map(|i| Corner {
                at: moment.places[usize::from(i)],
                texel: self.texels[usize::from(i)],
            });
            raster::triangle(&mut target, &self.texture, corners, cover);
        }
        for (k, area) in self.eye_areas(moment.places).into_iter().enumerate() {
            if dirty.touches(area) {
                self.eyes[k].draw(moment.places, moment.looks[k], pixels, self.size);
            }
        }
        if dirty.touches(self.mouth_area(moment.places)) {
            let head = self.mouth.head(&self.mesh.skull, moment.pose);
            self.mouth
                .draw(moment.places, head, moment.jaw, pixels, self.size);
        }
        for area in dirty.rects() {
            self.surround(pixels, area);
        }
    }

    /// How much of a pixel is within the circle, 0..=1; 1 where there is none.
    pub fn inside(&self, x: usize, y: usize) -> f32 {
        match self.around {
            Some(_) => 1.0 - beyond_circle(self.size, x, y),
            None => 1.0,
        }
    }

    /// Draws what is around a circle.
    fn surround(&self, pixels: &mut [Pixel], clip: Rect) {
        if let Some(around) = self.around {
            outside_circle(self.size, clip, |at, share| {
                pixels[at] = mix(pixels[at], around, share);
            });
        }
    }

    /// The rectangle of a triangle at some places, even, with a pixel to spare.
    pub fn touched(&self, places: &[[i32; 2]], corners: [u16; 3]) -> Rect {
        let at = corners.map(|i| places[usize::from(i)]);
        let span = |k: usize, length: usize| {
            let low = at[0][k].min(at[1][k]).min(at[2][k]) >> BITS;
            let high = at[0][k].max(at[1][k]).max(at[2][k]) >> BITS;
            let within = |v: i32| (v.max(0) as usize).min(length);
            (within(low - 1) & !1, within(high + 3) & !1)
        };
        let ((x, right), (y, bottom)) = (span(0, self.size.0), span(1, self.size.1));
        Rect {
            x,
            y,
            width: right - x,
            height: bottom - y,
        }
    }
}

/// The rectangle around points with a margin (left, top, right, bottom).
fn bounds(points: &[[f32; 3]]) -> (f32, f32, f32, f32) {
    let start = (
        f32::INFINITY,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NEG_INFINITY,
    );
    let (left, top, right, bottom) = points.iter().fold(start, |b, p| {
        (b.0.min(p[0]), b.1.min(p[1]), b.2.max(p[0]), b.3.max(p[1]))
    });
    let margin = 0.1 * (right - left);
    (left - margin, top - margin, right + margin, bottom + margin)
}

/// Colours within both eye openings.
fn whites(rest: &[[f32; 3]], picture: &Texture) -> Vec<[u8; 3]> {
    let mut found = Vec::new();
    for lids in [RIGHT_LIDS, LEFT_LIDS] {
        for (&up, &low) in lids[0].iter().zip(&lids[1]).skip(1).take(7) {
            for step in 2..=8 {
                let t = step as f32 / 10.0;
                let at = std::array::from_fn(|k| rest[up][k] + t * (rest[low][k] - rest[up][k]));
                let [r, g, b, _] = parts(picture.sample(at));
                found.push([r, g, b]);
            }
        }
    }
    found
}
