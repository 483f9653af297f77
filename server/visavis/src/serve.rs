//! `visavis serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Extension;
use engine::{Engine, Rooms};
use media::seam::Renderer;
use record::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use transport::Endpoint;

use crate::config::Config;
use crate::{logging, rooms, tls};

/// Time that running sessions get at shutdown where none is configured.
const DRAIN: Duration = Duration::from_secs(10);

/// Time that requests get to end by themselves once all sessions are over. A
/// client that keeps sending does not hold up the end.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Runs the server until it is told to stop.
pub fn run(config: &Config, check: bool) -> anyhow::Result<()> {
    config.check()?;
    if check {
        rooms::models(config)?;
        println!("The configuration is good.");
        return Ok(());
    }
    logging::start(config)?;
    tokio::runtime::Builder::new_multi_thread()
        // The edges wait and copy; what computes has threads of its own.
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(serve(config))
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    // Ports first: a port in use is told before seconds are spent on models.
    let listen = config.listen();
    let listener = bind(listen, "--listen").await?;
    let (plain, secure) = match (config.tls(), config.tls_listen) {
        (None, _) => (Some(listener), None),
        (Some(pair), None) => (None, Some((listener, pair))),
        (Some(pair), Some(tls)) => (
            Some(listener),
            Some((bind(tls, "--tls-listen").await?, pair)),
        ),
    };
    let secure = secure
        .map(|(listener, (certificate, key))| -> anyhow::Result<_> {
            Ok(tls::Listener::start(
                listener,
                tls::load(certificate, key)?,
            )?)
        })
        .transpose()?;
    let endpoint = Endpoint::bind(&transport::Settings {
        udp: config.media_listen(),
        advertised: config.advertise.clone().unwrap_or_default(),
        loopback: listen.ip().is_loopback(),
        ..transport::Settings::default()
    })?;
    let recordings = config
        .recordings()
        .as_deref()
        .map(open_recordings)
        .transpose()?;

    let settings = config.engine();
    let rooms = rooms::load(config)?;
    warm(&rooms, &settings.default_voice)?;
    let _painted = paint(&rooms, &settings.default_avatar)?;
    let engine = Engine::start(rooms, settings, Some(Arc::new(endpoint)), recordings)?;

    let state = api::State::new(
        engine.clone(),
        &api::Config {
            api_keys: config.api_keys(),
            loopback: config.loopback(),
            token_secret: config.token_secret.clone().map(String::into_bytes),
            public_url: config.public_url.clone(),
            assets: config.page(),
            vendor_grace: config
                .vendor_grace_s
                .map_or(api::Config::default().vendor_grace, Duration::from_secs),
            contexts: Some(config.contexts()),
            consent: config.consent(),
            rooms: config.livekit(),
            ..api::Config::default()
        },
    )?;
    let studio = studio::Studio::new(
        Arc::new(rooms::models(config)?),
        engine.rooms().avatars.clone(),
    );
    let state = state.with_studio(Arc::new(studio));
    let router = api::router(state);
    println!("Visavis is ready: {}", config.public_url());
    tracing::info!(http = %listen, tls = ?config.tls_listen, media = %config.media_listen(), "serving");

    let drain = config.drain_s.map_or(DRAIN, Duration::from_secs);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let drained = {
        let engine = engine.clone();
        async move {
            if let Err(error) = stop_signal().await {
                tracing::error!(%error, "signals cannot be received; stop the server by killing it");
                std::future::pending::<()>().await;
            }
            tracing::info!(sessions = engine.list().len(), "shutting down");
            engine.stop_admitting();
            let left = engine.drain(drain).await;
            if left > 0 {
                tracing::warn!(
                    left,
                    "sessions did not end in time; their recordings are repaired at the next start"
                );
            }
        }
    };
    let until_stopped = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
        // Fails when the other end is gone, and with it all of this.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let plain = async {
        match plain {
            Some(listener) => {
                axum::serve(listener, router.clone())
                    .with_graceful_shutdown(until_stopped(stopped.clone()))
                    .await
            }
            None => Ok(()),
        }
    };
    let secure = async {
        match secure {
            Some(listener) => {
                axum::serve(listener, router.clone().layer(Extension(api::Secure)))
                    .with_graceful_shutdown(until_stopped(stopped.clone()))
                    .await
            }
            None => Ok(()),
        }
    };
    let served = async { tokio::try_join!(plain, secure).map(|_| ()) };
    let late = async {
        drained.await;
        stop.send_replace(true);
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        ended = served => ended.context("the HTTP server ended"),
        () = late => {
            tracing::info!("requests that did not end by themselves were cut");
            Ok(())
        }
    }
}

/// Listens on a TCP port. `flag` is what chooses it.
async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "{address} cannot be listened on; stop what uses it (`ss -ltnp 'sport = :{}'` names it) or choose another with {flag}",
            address.port()
        )
    })
}

/// Paints what all sessions of an avatar share, for the usual size, so that the
/// first session opens as fast as the next. It lasts as long as one renderer
/// is kept.
fn paint(rooms: &Rooms, default: &str) -> anyhow::Result<Vec<Box<dyn Renderer>>> {
    rooms.avatars.get(default)?;
    let (width, height) = engine::assemble::DEFAULT_SIZE;
    rooms
        .avatars
        .list()
        .iter()
        .map(|avatar| {
            let scene = face::Scene::new(width, height);
            Ok(rooms.avatars.renderer(&avatar.id, &scene, 0)?)
        })
        .collect()
}

/// Loads the default voice, so that the first sentence is as fast as the next.
fn warm(rooms: &Rooms, id: &str) -> anyhow::Result<()> {
    let cannot = || {
        format!(
            "the default voice '{id}' cannot be used; \
             `visavis models verify` says which weights are missing"
        )
    };
    let voice = rooms.voices.get(id).with_context(cannot)?;
    rooms.voices.warm(voice.as_ref()).with_context(cannot)
}

/// Opens the folder of recordings and finishes what a crash has left there.
fn open_recordings(folder: &std::path::Path) -> anyhow::Result<Store> {
    let store = Store::open(folder)
        .with_context(|| format!("recordings cannot be kept in {}", folder.display()))?;
    for repaired in store.repair()? {
        tracing::info!(recording = %repaired.id, repair = ?repaired.repair, "repaired");
    }
    Ok(store)
}

async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
