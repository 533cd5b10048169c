//! The stand-in as a program: starts, prints one JSON line that says how to reach it, serves until it is ended.

use clap::Parser;
use kaltura_sim::{AppTokenConfig, AppTokenHash, ImportTimings, PartnerId, Sim, SimConfig, SimError};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A strict stand-in for Kaltura's API, as a REACH vendor meets it.
#[derive(Debug, Parser)]
struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Folder that relative media paths of orders start from.
    #[arg(long)]
    media: Option<PathBuf>,
    /// Folder for delivered files and cut media; by default a fresh temporary one.
    #[arg(long)]
    work_dir: Option<PathBuf>,
    /// The vendor's account.
    #[arg(long, default_value_t = 6_000_001)]
    vendor_partner_id: i64,
    /// Milliseconds between two attempts of an import; the real server's are 300000.
    #[arg(long, default_value_t = 300_000)]
    import_retry_ms: u64,
    /// Milliseconds from setContent to the first attempt of an import.
    #[arg(long, default_value_t = 0)]
    import_queue_ms: u64,
    /// Privileges of the app token.
    #[arg(long, default_value = "disableentitlement")]
    app_token_privileges: String,
    /// Hash of the app token: MD5, SHA1, SHA256 or SHA512.
    #[arg(long, default_value = "SHA256")]
    app_token_hash: AppTokenHash,
    /// Pass over the length that a refused HEAD announces: S3 emulators announce one, S3 doesn't.
    #[arg(long)]
    ignore_length_of_refused_head: bool,
    /// Refuse imports from loopback and private addresses, as the real server does.
    #[arg(long)]
    no_private_imports: bool,
}

#[tokio::main]
async fn main() -> Result<(), SimError> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    let sim = Sim::start(SimConfig {
        listen: options.listen,
        media_dir: options.media,
        work_dir: options.work_dir,
        vendor_partner_id: PartnerId(options.vendor_partner_id),
        import: ImportTimings {
            queue_ms: options.import_queue_ms,
            retry_interval_ms: options.import_retry_ms,
            ..ImportTimings::default()
        },
        app_token: AppTokenConfig {
            privileges: options.app_token_privileges,
            hash_type: options.app_token_hash,
            ..AppTokenConfig::default()
        },
        allow_private_imports: !options.no_private_imports,
        ignore_length_of_refused_head: options.ignore_length_of_refused_head,
        ..SimConfig::default()
    })
    .await?;
    let info = serde_json::to_string(&sim.info())?;
    // A reader that has gone away is no reason to stop serving.
    let _ = writeln!(std::io::stdout(), "{info}").and_then(|()| std::io::stdout().flush());
    if let Err(error) = end_signal().await {
        tracing::error!(%error, "can't wait for the end signal");
    }
    sim.shutdown().await;
    Ok(())
}

/// Returns when the program is interrupted or told to end.
async fn end_signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
