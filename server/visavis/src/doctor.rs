//! `visavis doctor`: looks at this machine and says what to do.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;

use anyhow::bail;
use weights::{Finding, Level};

use crate::config::Config;
use crate::rooms;

/// Looks at everything a server needs.
pub fn run(config: &Config) -> anyhow::Result<()> {
    let mut findings = Vec::new();
    configuration(config, &mut findings);
    build(&mut findings);
    ports(config, &mut findings);
    folders(config, &mut findings);
    match rooms::models(config) {
        Ok(models) => findings.extend(weights::check(&models, config.ort_lib.as_deref())),
        Err(error) => findings.push(problem(format!("{error:#}"))),
    }
    for finding in &findings {
        println!("{finding}");
    }
    let problems = findings
        .iter()
        .filter(|f| f.level == Level::Problem)
        .count();
    if problems > 0 {
        bail!("{problems} of {} checks found a problem", findings.len());
    }
    println!("Everything a server needs is here: visavis serve");
    Ok(())
}

const fn good(text: String) -> Finding {
    Finding {
        level: Level::Good,
        text,
    }
}

const fn note(text: String) -> Finding {
    Finding {
        level: Level::Note,
        text,
    }
}

const fn problem(text: String) -> Finding {
    Finding {
        level: Level::Problem,
        text,
    }
}

fn configuration(config: &Config, findings: &mut Vec<Finding>) {
    findings.push(match config.check() {
        Ok(()) => good("the configuration".into()),
        Err(error) => problem(format!("the configuration: {error:#}")),
    });
    let engine = config.engine();
    let avatars = crate::rooms::avatars(config);
    if let Err(error) = avatars.get(&engine.default_avatar) {
        findings.push(problem(format!("the default avatar: {error}")));
    }
}

fn build(findings: &mut Vec<Finding>) {
    findings.push(if codec::h264::has_assembly() {
        good("the H.264 encoder uses this processor's vector instructions".into())
    } else {
        note(
            "the H.264 encoder was built without nasm and takes 2.5 times the CPU; \
             install nasm, then `cargo clean -p openh264-sys2` and build again"
                .into(),
        )
    });
}

fn ports(config: &Config, findings: &mut Vec<Finding>) {
    let listen = config.listen();
    findings.push(match TcpListener::bind(listen) {
        Ok(_) => good(format!("TCP {listen} is free for HTTP")),
        Err(error) => problem(format!(
            "TCP {listen} cannot be listened on ({error}); \
             stop what uses it (`ss -ltnp 'sport = :{}'` names it) or choose another with --listen",
            listen.port()
        )),
    });
    let media = config.media_listen();
    findings.push(match UdpSocket::bind(media) {
        Ok(_) => good(format!("UDP {media} is free for media")),
        Err(error) => problem(format!(
            "UDP {media} cannot be bound ({error}); choose another with --media-listen"
        )),
    });
    if listen.ip().is_loopback() {
        findings.push(note(format!(
            "browsers on this machine reach the page at {}; for others listen on another address \
             with --listen and set --api-keys. Their browsers must reach UDP port {} too",
            config.public_url(),
            media.port()
        )));
    } else if config.advertise.is_none() {
        findings.push(note(
            "viewers are told this machine's own addresses; behind NAT or in a container name the \
             public one with --advertise"
                .into(),
        ));
    }
}

fn folders(config: &Config, findings: &mut Vec<Finding>) {
    let page = config.page();
    findings.push(if page.join("index.html").is_file() {
        good(format!("the start page is in {}", page.display()))
    } else {
        problem(format!(
            "the start page is not in {}; build it with `npm ci && npm run build` in client-js, \
             or name its folder with --page",
            page.display()
        ))
    });
    if let Some(folder) = config.recordings() {
        findings.push(match writable(&folder) {
            Ok(()) => good(format!("recordings can be kept in {}", folder.display())),
            Err(error) => problem(format!(
                "recordings cannot be kept in {} ({error}); name another folder with --recordings, \
                 or record nothing with --record false",
                folder.display()
            )),
        });
    }
}

fn writable(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let probe = folder.join(".visavis-doctor");
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(probe)
}
