//! What the media benchmark measures: one fetch into S3, by the library and the adapter that the `fetch` function has, in
//! its kind of runtime. S3 is found by the usual environment (`AWS_ENDPOINT_URL` and so on).

use clap::{Parser, ValueEnum};
use media::{FetchConfig, FetchReport, Fetcher, HlsRequest, MediaSource};
use pipeline::aws::s3::Bucket;
use pipeline::ports::ObjectStore;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Hls,
    Progressive,
}

#[derive(Debug, Parser)]
struct Options {
    /// What is fetched.
    #[arg(long)]
    address: String,
    #[arg(long)]
    kind: Kind,
    /// Where it goes.
    #[arg(long)]
    bucket: String,
    #[arg(long)]
    key: String,
    /// Segments downloaded at once; the library's default when not given.
    #[arg(long)]
    window_segments: Option<usize>,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let report = run(&options).await?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

async fn run(options: &Options) -> Result<FetchReport, Failure> {
    let mut config = FetchConfig::loopback();
    if let Some(window_segments) = options.window_segments {
        config.window_segments = window_segments;
    }
    let fetcher = Fetcher::new(config)?;
    let bucket = Bucket::new(&pipeline::aws::sdk_config().await, &options.bucket);
    let sink = bucket.sink(&options.key, "video/mp4").await?;
    let source = MediaSource::new(&options.address);
    Ok(match options.kind {
        Kind::Hls => media::fetch_hls(&fetcher, &source, &HlsRequest::audio_video(), sink.as_ref()).await?,
        Kind::Progressive => media::fetch_progressive(&fetcher, &source, sink.as_ref()).await?,
    })
}
