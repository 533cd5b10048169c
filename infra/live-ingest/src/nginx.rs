//! The configuration of an nginx with its rtmp module that works beside the ingest.

use std::net::SocketAddr;
use std::path::PathBuf;

/// What is particular to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nginx {
    /// Where publishers come.
    pub listen: SocketAddr,
    /// Where the ingest has its hooks.
    pub hooks: SocketAddr,
    /// The module's file.
    pub module: PathBuf,
    /// A folder that nginx may write to.
    pub work_dir: PathBuf,
}

impl Nginx {
    /// The configuration: streams of the application `live` by RTMP, nothing else, as a plain process in the foreground.
    pub fn config(&self) -> String {
        let Self {
            listen,
            hooks,
            module,
            work_dir,
        } = self;
        let (module, work_dir) = (module.display(), work_dir.display());
        format!(
            "\
# An RTMP server beside live-ingest: written by `live-ingest nginx`.
load_module \"{module}\";
daemon off;
# A hook's state belongs to one process.
worker_processes 1;
error_log stderr notice;
pid \"{work_dir}/nginx.pid\";
events {{ worker_connections 1024; }}

rtmp {{
    access_log off;
    server {{
        listen {listen};
        chunk_size 4096;
        # A publisher that is gone without a word is noticed, and may come back.
        ping 10s;
        ping_timeout 5s;
        application live {{
            live on;
            # We read a stream before its first frame is there.
            idle_streams on;
            drop_idle_publisher 5s;
            allow play 127.0.0.1;
            deny play all;
            on_publish http://{hooks}/rtmp;
            on_publish_done http://{hooks}/rtmp;
            on_play http://{hooks}/rtmp;
        }}
    }}
}}

# nginx wants these, though it serves no HTTP.
http {{
    access_log off;
    client_body_temp_path \"{work_dir}/body\";
    proxy_temp_path \"{work_dir}/proxy\";
    fastcgi_temp_path \"{work_dir}/fastcgi\";
    uwsgi_temp_path \"{work_dir}/uwsgi\";
    scgi_temp_path \"{work_dir}/scgi\";
}}
"
        )
    }
}
