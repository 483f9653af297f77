//! How avatars are shown: framing and backgrounds, as far as the pictures that
//! are sent.

use std::io::Cursor;

use api::Config;
use base64::Engine as _;
use codec::h264::{Decoder, rgb};
use media::{Picture, Track};
use record::read::Movie;
use serde_json::{Value, json};

use crate::server::{Server, dev, stock_engine, until};

const WIDTH: usize = 256;
const HEIGHT: usize = 144;

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const SWING: &[u8] = include_bytes!("../../../engine/tests/fixtures/swing.mp4");
const HEVC: &[u8] = include_bytes!("../../../engine/tests/fixtures/hevc.mp4");

/// A PNG whose left half is red and whose right half is blue.
fn halves() -> Vec<u8> {
    let image = image::RgbImage::from_fn(64, 36, |x, _| {
        image::Rgb(if x < 32 { [200, 30, 30] } else { [30, 30, 200] })
    });
    let mut out = Cursor::new(Vec::new());
    image.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

/// Opens sessions that are recorded, lets them run, and gives their pictures.
async fn shown(server: &Server, wanted: &[Value], ms: i64) -> Vec<Vec<Picture>> {
    let mut ids = Vec::new();
    for wanted in wanted {
        let mut body = json!({ "avatar": "maya", "width": WIDTH, "height": HEIGHT });
        for (field, value) in wanted.as_object().unwrap() {
            body[field] = value.clone();
        }
        let session = server.post("/v1/sessions", body).await.ok(201).json();
        ids.push(session["id"].as_str().unwrap().to_owned());
    }
    let mut all = Vec::new();
    for id in ids {
        let handle = server.engine.get(&id).unwrap();
        until("recorded", || {
            (handle.info().at.as_millis() > ms).then_some(())
        })
        .await;
        server.delete(&format!("/v1/sessions/{id}")).await.ok(204);
        let store = server.engine.recordings().unwrap();
        until("finished", || store.get(&id).ok().map(|_| ())).await;
        let video = server.get(&format!("/v1/recordings/{id}/video.mp4")).await;
        all.push(pictures(&video.ok(200).body));
    }
    all
}

fn pictures(file: &[u8]) -> Vec<Picture> {
    let mut movie = Movie::parse(Cursor::new(file)).unwrap();
    let mut decoder = Decoder::new().unwrap();
    let mut pictures = Vec::new();
    for index in 0.. {
        let Some(unit) = movie.packet(Track::Video, index).unwrap() else {
            break;
        };
        pictures.extend(decoder.decode(&unit).unwrap());
    }
    assert!(pictures.len() > 5, "{} pictures", pictures.len());
    pictures
}

/// The colours of a picture.
struct Seen {
    width: usize,
    rgb: Vec<u8>,
}

impl Seen {
    fn last(pictures: &[Picture]) -> Self {
        let picture = pictures.last().unwrap();
        Self {
            width: picture.width(),
            rgb: rgb(picture),
        }
    }

    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let at = 3 * (y * self.width + x);
        self.rgb[at..at + 3].try_into().unwrap()
    }

    fn is(&self, x: usize, y: usize, wanted: [u8; 3]) -> bool {
        let near = |(a, b): (u8, u8)| a.abs_diff(b) <= 12;
        self.at(x, y).into_iter().zip(wanted).all(near)
    }

    /// How many pixels are not of a colour.
    fn area(&self, ground: [u8; 3]) -> f32 {
        let rows = self.rgb.len() / 3 / self.width;
        let pixels = (0..rows).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| !self.is(x, y, ground)).count() as f32
    }

    /// Pixels of the middle row of the upper part that are not of a colour: the
    /// width of the head, and its middle.
    fn head(&self, ground: [u8; 3]) -> (usize, f32) {
        let row = self.rgb.len() / 3 / self.width * 2 / 5;
        let columns: Vec<usize> = (0..self.width)
            .filter(|&x| !self.is(x, row, ground))
            .collect();
        let sum: usize = columns.iter().sum();
        (columns.len(), sum as f32 / columns.len().max(1) as f32)
    }
}

#[tokio::test]
async fn a_person_stands_before_a_colour_as_large_and_where_it_is_asked_for() {
    const GREEN: [u8; 3] = [0x20, 0xa0, 0x40];
    let server = Server::new(stock_engine(), &Config::default(), None);
    let green = json!({ "colour": "#20a040" });
    let framed = |framing: Value| json!({ "background": green, "framing": framing });
    let wanted = [
        framed(json!({})),
        framed(json!({ "shot": "close_up" })),
        framed(json!({ "scale": 0.7 })),
        framed(json!({ "x": 0.25 })),
        framed(json!({ "y": 0.2 })),
        framed(json!({ "shot": "circle" })),
        json!({ "background": green, "avatar": "nora" }),
    ];
    let all: Vec<Seen> = shown(&server, &wanted, 900)
        .await
        .iter()
        .map(|pictures| Seen::last(pictures))
        .collect();
    let [normal, near, far, right, low, circle, drawn] = all.as_slice() else {
        panic!("as many as were asked for")
    };
    for seen in [normal, near, far, right, low, circle, drawn] {
        for (x, y) in [(2, 2), (WIDTH - 3, 2)] {
            assert!(seen.is(x, y, GREEN), "{:?}", seen.at(x, y));
        }
    }
    let (width, middle) = normal.head(GREEN);
    assert!((20..WIDTH / 2).contains(&width), "a head is {width} wide");
    assert!((middle - WIDTH as f32 / 2.0).abs() < 8.0, "{middle}");
    let (nearer, _) = near.head(GREEN);
    assert!(nearer as f32 > 1.3 * width as f32, "{nearer} and {width}");
    let share = far.area(GREEN) / normal.area(GREEN);
    assert!(
        (0.4..0.6).contains(&share),
        "{share} of the area for 0.7 of the size"
    );
    let (same, moved) = right.head(GREEN);
    assert!(same.abs_diff(width) <= 6, "{same} and {width}");
    let way = moved - middle;
    assert!((way - 0.25 * WIDTH as f32).abs() < 4.0, "moved by {way}");
    // The first row in which there is something but green.
    let crown = |seen: &Seen| {
        let found = (0..HEIGHT).find(|&y| !seen.is(WIDTH / 2, y, GREEN));
        found.unwrap() as f32
    };
    let way = crown(low) - crown(normal);
    assert!((way - 0.2 * HEIGHT as f32).abs() < 4.0, "moved by {way}");
    // Around the circle is the colour, in it what the avatar brings along.
    let inside = WIDTH / 2 - HEIGHT / 2 + 8;
    assert!(circle.is(inside - 12, HEIGHT / 2, GREEN));
    assert!(!circle.is(inside, HEIGHT / 2, GREEN));
}

#[tokio::test]
async fn a_person_stands_before_a_picture_and_a_video() {
    let server = Server::new(stock_engine(), &Config::default(), None);
    let video = base64(SWING);
    let wanted = [
        json!({ "background": { "image": base64(&halves()) } }),
        json!({ "background": { "video": video } }),
        json!({ "background": { "video": video }, "framing": { "shot": "circle" } }),
        json!({ "background": { "video": video }, "avatar": "nora" }),
    ];
    let all = shown(&server, &wanted, 2_300).await;
    let halves = Seen::last(&all[0]);
    assert!(halves.is(4, 4, [200, 30, 30]), "{:?}", halves.at(4, 4));
    let right = halves.at(WIDTH - 5, 4);
    assert!(halves.is(WIDTH - 5, 4, [30, 30, 200]), "{right:?}");
    // The clip goes from dark to bright and back in two seconds, by 8 a picture.
    let swings = |pictures: &[Picture], x: usize, y: usize| {
        let luma: Vec<u8> = pictures.iter().map(|p| p.y[y * WIDTH + x]).collect();
        let steps = luma.windows(2).map(|pair| pair[0].abs_diff(pair[1]));
        let (low, high) = (luma.iter().min().unwrap(), luma.iter().max().unwrap());
        (high - low, steps.max().unwrap())
    };
    for (pictures, x) in [(&all[1], 4), (&all[2], WIDTH / 2 - 50), (&all[3], 4)] {
        let (range, step) = swings(pictures, x, if x == 4 { 4 } else { HEIGHT / 2 });
        assert!(range > 140, "it moves by {range}");
        assert!(step < 40, "it jumps by {step}");
    }
    let round = Seen::last(&all[2]);
    assert!(round.is(4, 4, [255; 3]), "white is around a circle");
    let (range, _) = swings(&all[1], WIDTH / 2, HEIGHT / 2);
    assert!(range < 100, "the person does not move with it: {range}");
    // Clips go with the sessions that showed them.
    let seen = &server.engine;
    until("gone", || seen.list().is_empty().then_some(())).await;
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_and_leaves_nothing() {
    let server = dev();
    let before = server.engine.list().len();
    let cut = &SWING[..SWING.len() / 2];
    for (body, words) in [
        (json!({ "framing": { "shot": "wide" } }), "close_up"),
        (json!({ "framing": { "scale": 3 } }), "0.5 to 2"),
        (json!({ "framing": { "scale": "big" } }), "big"),
        (json!({ "framing": { "x": 0.9 } }), "-0.5 to 0.5"),
        (json!({ "framing": { "y": -0.6 } }), "-0.5 to 0.5"),
        (json!({ "framing": { "z": 0 } }), "unknown field"),
        (json!({ "background": { "colour": "green" } }), "#204060"),
        (json!({ "background": { "colour": "#12345" } }), "#204060"),
        (json!({ "background": { "image": "%%%" } }), "no base64"),
        (
            json!({ "background": { "image": "" } }),
            "neither PNG nor JPEG",
        ),
        (
            json!({ "background": { "image": base64(SWING) } }),
            "neither PNG nor JPEG",
        ),
        (json!({ "background": { "video": base64(HEVC) } }), "HEVC"),
        (json!({ "background": { "video": base64(cut) } }), "damaged"),
        (
            json!({ "background": { "video": base64(b"text") } }),
            "no index",
        ),
        (json!({ "background": { "sound": "" } }), "unknown variant"),
        (
            json!({ "background": { "colour": "#204060", "image": "" } }),
            "expected",
        ),
    ] {
        let reply = server.post("/v1/sessions", body.clone()).await;
        let problem = reply.ok(400).refused("invalid_request");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{body}: {detail}");
    }
    assert!(server.engine.list().len() <= before);
}
