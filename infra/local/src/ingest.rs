//! The vendor's ingest of a run: nginx with its rtmp module, and live-ingest beside it, as processes of their own on loopback.
//!
//! The stack is told the address when it is deployed, and makes the secret that both share; so the ingest starts after the
//! deployment, at the address that was told.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use live_ingest::Nginx;

use crate::emulator::free_port;
use crate::engine::shared_secret;
use crate::error::{LocalError, Result};
use crate::layout::{Layout, present, tail};
use crate::program::{Group, logged};

/// Both are up at once; a machine that does other things besides may take longer.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What the errors call them.
const NGINX: &str = "the RTMP server";
const INGEST: &str = "the live ingest";

/// Where the RTMP server will be, before it is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RtmpPlace {
    port: u16,
}

impl RtmpPlace {
    /// A free one.
    pub(crate) async fn free() -> Result<Self> {
        let port = free_port().await.map_err(|source| LocalError::Start {
            program: NGINX.to_owned(),
            source,
        })?;
        Ok(Self { port })
    }

    /// The vendor's `mediaUrl`.
    pub(crate) fn url(self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.port)
    }
}

/// The running ingest. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct LocalIngest {
    nginx: Group,
    nginx_log: PathBuf,
    ingest: Group,
    ingest_log: PathBuf,
}

impl LocalIngest {
    /// Starts both there, for the stack whose live routes are at `stack_url`, with the secret of that ARN.
    pub(crate) async fn start(
        layout: &Layout,
        place: RtmpPlace,
        sdk: &SdkConfig,
        secret_arn: &str,
        stack_url: &str,
    ) -> Result<Self> {
        let program = present(layout.target.join("debug/live-ingest"))?;
        let tools = layout.target.join("tools/rtmp");
        let server = present(tools.join("usr/sbin/nginx"))?;
        let module = present(tools.join("usr/lib/nginx/modules/ngx_rtmp_module.so"))?;
        let work = layout.work.join("ingest");
        if work.exists() {
            std::fs::remove_dir_all(&work).map_err(LocalError::file(&work))?;
        }
        std::fs::create_dir_all(&work).map_err(LocalError::file(&work))?;
        let secret_file = work.join("secret");
        let secret = shared_secret(sdk, secret_arn).await?;
        std::fs::write(&secret_file, secret).map_err(LocalError::file(&secret_file))?;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&secret_file, owner_only).map_err(LocalError::file(&secret_file))?;
        let hooks = free_port().await.map_err(|source| LocalError::Start {
            program: INGEST.to_owned(),
            source,
        })?;
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let hooks = loopback(hooks);

        let (python, engines) = (layout.tool("engine", "python")?, layout.local().join("engines"));
        let environment = [
            ("LIVE_INGEST_STACK_URL", OsStr::new(stack_url)),
            ("LIVE_INGEST_SECRET_FILE", secret_file.as_os_str()),
            ("REACH_LOCAL_PYTHON", python.as_os_str()),
            ("REACH_LOCAL_ENGINES", engines.as_os_str()),
        ];
        let ingest_log = layout.log("live-ingest");
        let ingest = Group::start(&program, &environment, INGEST, |command| {
            command
                .args(["run", "--listen", &hooks.to_string(), "--rtmp-url", &place.url()])
                .args(["--reconnect-s", "30", "--state-dir"])
                .arg(work.join("state"));
            logged(command, &ingest_log)
        })?;

        let nginx = Nginx {
            listen: loopback(place.port),
            hooks,
            module,
            work_dir: work.clone(),
        };
        let config = work.join("nginx.conf");
        std::fs::write(&config, nginx.config()).map_err(LocalError::file(&config))?;
        let nginx_log = layout.log("nginx");
        let nginx = Group::start(&server, &[], NGINX, |command| {
            // Before it has read its configuration it would write to the system's log.
            command
                .args(["-e", "stderr", "-p"])
                .arg(&work)
                .arg("-c")
                .arg(&config);
            logged(command, &nginx_log)
        })?;
        let mut both = Self {
            nginx,
            nginx_log,
            ingest,
            ingest_log,
        };
        let begun = Instant::now();
        for address in [hooks, loopback(place.port)] {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                both.check()?;
                if begun.elapsed() > START_TIMEOUT {
                    return Err(failed(INGEST, &both.ingest_log));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(both)
    }

    /// Fails if one of them has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.nginx.has_ended() {
            return Err(failed(NGINX, &self.nginx_log));
        }
        if self.ingest.has_ended() {
            return Err(failed(INGEST, &self.ingest_log));
        }
        Ok(())
    }

    /// Ends both.
    pub(crate) async fn end(self) {
        tokio::join!(self.nginx.end(), self.ingest.end());
    }
}

fn failed(program: &str, log: &std::path::Path) -> LocalError {
    LocalError::Program {
        program: program.to_owned(),
        log: log.to_owned(),
        tail: tail(log),
    }
}
