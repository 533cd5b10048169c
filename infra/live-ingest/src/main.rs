//! The ingest as a program: see the README beside it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use live_ingest::{Ingest, IngestError, Nginx, Pocketsphinx, Settings, SharedSecret};
use url::Url;

/// Hears live streams beside an RTMP server, and posts what is said to the stack.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes the RTMP server's hooks, and works until it is told to end. Its first line says where: a JSON object.
    Run(Run),
    /// Writes the RTMP server's configuration to standard output.
    Nginx(Configure),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Where hooks are taken: an address that only the RTMP server reaches. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8085")]
    listen: SocketAddr,
    /// The stack's live routes: its output `DoorUrl` with `/live` behind it.
    #[arg(long, env = "LIVE_INGEST_STACK_URL")]
    stack_url: Url,
    /// A file with the secret that the stack and the vendor's engine share (`EngineSecretArn`), as text or as the JSON that
    /// Secrets Manager has.
    #[arg(long, env = "LIVE_INGEST_SECRET_FILE")]
    secret_file: PathBuf,
    /// The RTMP server's application, as it is reached from here.
    #[arg(long, default_value = "rtmp://127.0.0.1:1935/live")]
    rtmp_url: String,
    /// The python that can import pocketsphinx.
    #[arg(long, env = "REACH_LOCAL_PYTHON")]
    python: PathBuf,
    /// The folder with `listen.py` (`infra/local/engines`).
    #[arg(long, env = "REACH_LOCAL_ENGINES")]
    engines: PathBuf,
    /// ffmpeg, if it is not the one on `PATH`.
    #[arg(long, env = "REACH_LOCAL_FFMPEG", default_value = "ffmpeg")]
    ffmpeg: PathBuf,
    /// Where the places of streams are kept.
    #[arg(long, default_value = "/var/lib/live-ingest")]
    state_dir: PathBuf,
    /// So many streams at once. Each takes a fifth of a processor with pocketsphinx.
    #[arg(long, default_value_t = 8)]
    most_streams: usize,
    /// How long a publisher that has gone is waited for, seconds.
    #[arg(long, default_value_t = 120)]
    reconnect_s: u64,
}

#[derive(Debug, clap::Args)]
struct Configure {
    /// Where publishers come.
    #[arg(long, default_value = "0.0.0.0:1935")]
    listen: SocketAddr,
    /// Where the ingest takes hooks.
    #[arg(long, default_value = "127.0.0.1:8085")]
    hooks: SocketAddr,
    /// nginx's rtmp module.
    #[arg(long, default_value = "/usr/lib/nginx/modules/ngx_rtmp_module.so")]
    module: PathBuf,
    /// A folder that nginx may write to.
    #[arg(long, default_value = "/var/lib/live-ingest")]
    work_dir: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), IngestError> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    match Options::parse().command {
        Command::Run(run) => serve(run).await,
        Command::Nginx(Configure {
            listen,
            hooks,
            module,
            work_dir,
        }) => {
            let nginx = Nginx {
                listen,
                hooks,
                module,
                work_dir,
            };
            say(&nginx.config());
            Ok(())
        }
    }
}

async fn serve(run: Run) -> Result<(), IngestError> {
    let text = std::fs::read_to_string(&run.secret_file).map_err(|source| IngestError::File {
        path: run.secret_file.clone(),
        source,
    })?;
    let settings = Settings {
        stack_url: run.stack_url,
        secret: secret(&text).ok_or_else(|| IngestError::Setting {
            name: "the secret",
            detail: format!("in {} has fewer than 32 bytes", run.secret_file.display()),
        })?,
        rtmp_url: run.rtmp_url,
        ffmpeg: run.ffmpeg,
        state_dir: run.state_dir,
        most_streams: run.most_streams,
        reconnect: Duration::from_secs(run.reconnect_s),
    };
    let recogniser = Pocketsphinx {
        python: run.python,
        scripts_dir: run.engines,
    };
    let ingest = Ingest::start(run.listen, settings, Arc::new(recogniser)).await?;
    say(&format!("{}\n", serde_json::json!({ "hooks": ingest.address() })));
    if let Err(error) = end_signal().await {
        tracing::error!(%error, "can't wait for the end signal");
    }
    Ok(())
}

/// The secret in a text: all of it, or the `secret` of a JSON object.
fn secret(text: &str) -> Option<SharedSecret> {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let kept = json.as_ref().and_then(|json| json.get("secret")?.as_str());
    SharedSecret::new(kept.unwrap_or_else(|| text.trim()))
}

fn say(text: &str) {
    // A reader that has gone away is no reason to stop.
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Returns when the program is interrupted or told to end.
async fn end_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
