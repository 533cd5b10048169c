//! The sample engine as a program: prints one JSON line that says how to reach it, and serves until it is ended.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use sample_engine::{Options, router};

/// An engine that speaks the protocol of the pipeline's `http` adapter.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The secret that is shared with the pipeline, at least 32 bytes.
    #[arg(long, env = "ENGINE_SECRET", hide_env_values = true)]
    secret: String,
    /// Address of the stack's door; links and callbacks elsewhere are not followed.
    #[arg(long)]
    door: Option<url::Url>,
    /// Folder of what is said in media: `HASH.json` by SHA-256, or `any.json`.
    #[arg(long)]
    sidecars: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let router = router(Options {
        secret: arguments.secret,
        sidecars: arguments.sidecars,
        door: arguments.door,
        gate: None,
    })?;
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    let address = listener.local_addr()?;
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::json!({ "url": format!("http://{address}/") })
    )?;
    std::io::stdout().flush()?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(terminate) => terminate,
                Err(error) => return tracing::error!(%error, "can't wait for the end signal"),
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        })
        .await?;
    Ok(())
}
