//! The command behind `infra/local/run`: brings the vendor up, places orders, shows their way, reports.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{CommandFactory as _, Parser, ValueEnum};
use kaltura_sim::{CatalogItemSpec, CustomerSpec, EntrySpec, OrderRequest, PartnerId};
use reach_local::{
    Account, InBrowser, Kaltura, LANGUAGE, LocalError, LocalStack, Options, Report, Said, Speech, TaskView,
    Worker,
};
use tokio::signal::unix::{SignalKind, signal};

/// Runs the whole vendor on this machine: the real template on an emulated AWS, for a stand-in of Kaltura or for a real
/// account. Ends with a table of what was delivered; exit status 0 only if every order was.
#[derive(Debug, Parser)]
#[command(name = "infra/local/run", bin_name = "infra/local/run")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a command line, each of its own"
)]
struct Arguments {
    /// Order captions for this media in place of made speech. With the stand-in only.
    #[arg(long, value_name = "FILE", conflicts_with = "kaltura")]
    media: Option<PathBuf>,
    /// What makes the captions: the programs on this machine, or the sample engine over HTTP, in the place of a vendor's
    /// own. It hears what it is told, so with made speech only.
    #[arg(long, value_enum, default_value_t = Engine::Local, conflicts_with = "kaltura")]
    engine: Engine,
    /// How many orders to place, from three customers in turn, in SRT, DFXP and WebVTT. With a real account: after how
    /// many tasks to end; without it the run goes on until it is interrupted.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1000))]
    orders: Option<u32>,
    /// Which services to order: `captions`, or one order of each kind there is for recorded media, with what people would
    /// hand in. With the stand-in and made speech only.
    #[arg(long, value_enum, default_value_t = Services::Captions, conflicts_with_all = ["kaltura", "media", "orders"])]
    services: Services,
    /// Place orders that people are to do, and print the address of their page: whoever is there does them. With the stand-in and
    /// made speech only.
    #[arg(long, conflicts_with_all = ["kaltura", "media", "orders", "services"])]
    people: bool,
    /// Order captions of a live event and play it: real speech, pushed by RTMP to an ingest on this machine, recognised live;
    /// its publisher and a listener drop out in the middle. With the stand-in only.
    #[arg(long, conflicts_with_all = ["kaltura", "media", "orders", "services", "people"])]
    live: bool,
    /// How long the event is.
    #[arg(long, value_name = "SECONDS", requires = "live", default_value_t = 180,
        value_parser = clap::value_parser!(u64).range(30..=3_600))]
    live_seconds: u64,
    /// Have the browser test do these orders on that page, in people's place.
    #[arg(long, requires = "people")]
    browser: bool,
    /// Write the report as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave everything running afterwards, until interrupted.
    #[arg(long)]
    keep: bool,
    /// Give up after this many seconds; with the stand-in 600 where nothing else is said.
    #[arg(long, value_name = "SECONDS")]
    deadline_s: Option<u64>,
    /// Template parameters beside those of the account, for instance LogLevel=debug. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    parameter: Vec<(String, String)>,
    /// Work for the account of this Kaltura (https address without a path) in place of the stand-in.
    #[arg(long, value_name = "URL", requires_all = ["partner_id", "app_token_id", "app_token"])]
    kaltura: Option<String>,
    /// The vendor's account at Kaltura.
    #[arg(long, env = "KALTURA_PARTNER_ID", value_name = "ID")]
    partner_id: Option<i64>,
    /// Its app token's id.
    #[arg(long, env = "KALTURA_APP_TOKEN_ID", value_name = "ID", hide_env_values = true)]
    app_token_id: Option<String>,
    /// Its app token's secret; better by the environment than on the command line, which other users can read.
    #[arg(long, env = "KALTURA_APP_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    app_token: Option<String>,
    /// How the app token is hashed.
    #[arg(
        long,
        env = "KALTURA_APP_TOKEN_HASH",
        value_name = "HASH",
        default_value = "SHA256"
    )]
    app_token_hash: String,
}

/// What makes the captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// The programs on this machine.
    Local,
    /// The sample engine.
    Http,
}

impl Engine {
    fn worker(self) -> Worker {
        match self {
            Self::Local => Worker::Local,
            Self::Http => Worker::Http,
        }
    }
}

/// Which services a run orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Services {
    /// Captions.
    Captions,
    /// One order of each kind.
    All,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

impl Arguments {
    fn check(&self) -> Result<(), clap::Error> {
        if self.engine == Engine::Http && self.media.is_some() {
            let conflict = clap::error::ErrorKind::ArgumentConflict;
            let why = "the sample engine recognises nothing: --engine http goes without --media";
            return Err(Self::command().error(conflict, why));
        }
        Ok(())
    }

    fn kaltura(&self) -> Kaltura {
        match (
            &self.kaltura,
            self.partner_id,
            &self.app_token_id,
            &self.app_token,
        ) {
            (Some(url), Some(partner_id), Some(id), Some(token)) => Kaltura::Real(Account {
                service_url: url.trim_end_matches('/').to_owned(),
                partner_id,
                app_token_id: id.clone(),
                app_token: token.clone(),
                app_token_hash: self.app_token_hash.clone(),
            }),
            _ => Kaltura::Sim(Box::default()),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = arguments.check() {
        error.exit();
    }
    let outcome = tokio::select! {
        outcome = run(&arguments) => outcome,
        () = interrupted() => {
            eprintln!("interrupted: everything is ended");
            return ExitCode::from(130);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("infra/local/run: {error}");
            ExitCode::from(2)
        }
    }
}

/// Waits for Ctrl-C, a request to end, or the end of the terminal. Whatever runs is then dropped, and its processes end
/// with it.
async fn interrupted() {
    let came = async |kind| match signal(kind) {
        Ok(mut signal) => signal.recv().await,
        Err(_) => std::future::pending().await,
    };
    tokio::select! {
        _ = came(SignalKind::interrupt()) => {}
        _ = came(SignalKind::terminate()) => {}
        _ = came(SignalKind::hangup()) => {}
    }
}

async fn run(arguments: &Arguments) -> Result<bool, LocalError> {
    // Before anything is started, since a mistyped path is soon put right.
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |source| LocalError::File { path, source }
    };
    let media = match &arguments.media {
        Some(path) => Some(path.canonicalize().map_err(file_error(path))?),
        None => None,
    };
    if let Some(folder) = arguments.json.as_deref().and_then(Path::parent)
        && folder != Path::new("")
    {
        std::fs::read_dir(folder).map_err(file_error(folder))?;
    }
    let begun = Instant::now();
    eprintln!("starting the emulated AWS, deploying the template");
    let mut parameters = arguments.parameter.clone();
    if arguments.services == Services::All || arguments.people {
        let enabled = reach_local::PARAMETERS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        parameters.splice(0..0, enabled);
    }
    if arguments.live {
        parameters.insert(
            0,
            (
                "EnabledServices".to_owned(),
                reach_local::LIVE_SERVICES.to_owned(),
            ),
        );
    }
    let mut stack = LocalStack::up(Options {
        name: "run".to_owned(),
        kaltura: arguments.kaltura(),
        worker: arguments.engine.worker(),
        live: arguments.live,
        parameters,
    })
    .await?;
    eprintln!(
        "up after {:.1} s: AWS at {}, logs in {}",
        begun.elapsed().as_secs_f64(),
        stack.endpoint(),
        stack.work_dir().join("logs").display()
    );
    let outcome = work(arguments, media, &mut stack).await;
    if arguments.keep {
        eprintln!("left running, for `cargo run -p reachctl -- --local list`; end it with Ctrl-C");
        std::future::pending::<()>().await;
    }
    stack.down().await;
    outcome
}

async fn work(
    arguments: &Arguments,
    media: Option<PathBuf>,
    stack: &mut LocalStack,
) -> Result<bool, LocalError> {
    if arguments.live {
        return live(arguments, stack).await;
    }
    let (at_least, deadline) = if arguments.kaltura.is_some() {
        let at_least = arguments
            .orders
            .map_or(usize::MAX, |orders| usize::try_from(orders).unwrap_or(usize::MAX));
        eprintln!("waiting for orders of the account; Ctrl-C ends the run");
        (at_least, Duration::MAX)
    } else if arguments.people {
        order_of_people(stack, arguments.browser).await?;
        let deadline = if arguments.browser {
            Duration::from_mins(10)
        } else {
            Duration::MAX
        };
        (0, deadline)
    } else if arguments.services == Services::All {
        order_each_kind(stack).await?;
        (0, Duration::from_mins(10))
    } else {
        place_orders(arguments, media, stack).await?;
        (0, Duration::from_mins(10))
    };
    stack.poll_now().await?;
    let deadline = arguments.deadline_s.map_or(deadline, Duration::from_secs);
    let ended = stack.wait_for_orders(at_least, deadline, show).await?;
    let report = Report::of(stack, &ended).await?;
    print!("\n{}", report.table());
    write_json(arguments, &report)?;
    Ok(report.all_delivered())
}

/// Writes a report as JSON, where that is wanted.
fn write_json(arguments: &Arguments, report: &impl serde::Serialize) -> Result<(), LocalError> {
    if let Some(path) = &arguments.json {
        let json = serde_json::to_vec_pretty(report).unwrap_or_default();
        std::fs::write(path, json).map_err(|source| LocalError::File {
            path: path.clone(),
            source,
        })?;
        println!("report: {}", path.display());
    }
    Ok(())
}

/// A live event, and what Kaltura's side got of it.
async fn live(arguments: &Arguments, stack: &LocalStack) -> Result<bool, LocalError> {
    let outcome = reach_local::play_event(stack, arguments.live_seconds, |line| println!("{line}")).await?;
    print!("\n{}", outcome.table());
    write_json(arguments, &outcome)?;
    Ok(outcome.all_well())
}

/// One order of each kind; what people would make is handed in as soon as it is waited for.
async fn order_each_kind(stack: &LocalStack) -> Result<(), LocalError> {
    let speech = stack.speech().await?;
    let speech = speech.first().ok_or_else(|| LocalError::NoOutput {
        name: "made speech".to_owned(),
    })?;
    let mut handed_in = Vec::new();
    for order in reach_local::of_each_kind(stack, speech, 101).await? {
        let placed = stack.place_order(order.order).await?;
        println!("task {}: {}", placed.task_id, order.name);
        handed_in.extend(order.hand_in.map(|file| (placed.task_id, file)));
    }
    stack.poll_now().await?;
    for (task_id, file) in handed_in {
        stack
            .hand_in(task_id.as_str(), &file, Duration::from_mins(8))
            .await?;
        println!("task {task_id}: {} handed in", file.display());
    }
    Ok(())
}

/// The orders of each kind that are people's, and where people find them. In a browser, those are ordered that the browser test
/// does: one to write, one to translate, and two whose work is done elsewhere and handed in as a file.
async fn order_of_people(stack: &LocalStack, in_browser: bool) -> Result<(), LocalError> {
    const IN_BROWSER: [(i64, &str); 4] = [
        (1, "captions"),
        (2, "translation"),
        (7, "dubbing"),
        (9, "extended-audio-description"),
    ];
    let speech = stack.speech().await?;
    let speech = speech.first().ok_or_else(|| LocalError::NoOutput {
        name: "made speech".to_owned(),
    })?;
    let mut placed = Vec::new();
    for order in reach_local::of_each_kind(stack, speech, 101).await? {
        let number = order.order.service_feature;
        let service = IN_BROWSER.iter().find(|(feature, _)| *feature == number);
        let Some(file) = order.hand_in.filter(|_| service.is_some() || !in_browser) else {
            continue;
        };
        let task_id = stack.place_order(order.order).await?.task_id.to_string();
        println!("task {task_id}: {}", order.name);
        placed.extend(service.map(|(_, service)| InBrowser {
            service,
            task_id,
            file,
        }));
    }
    if !stack.upload_page().await? {
        eprintln!("the page is not built (infra/local/setup page): only the API is there");
    }
    println!("people's page: {}", stack.output("PeopleUrl")?);
    println!("log in as Ana (captions), Ben (captions, translation), Chloe (sound) or Omar (supervisor)");
    if in_browser {
        stack.poll_now().await?;
        for order in &placed {
            stack
                .until_people_are_waited_for(&order.task_id, Duration::from_mins(5))
                .await?;
        }
        stack.do_in_browser(&placed).await?;
    }
    Ok(())
}

/// Orders as three customers place them: each with a service of its own format.
async fn place_orders(
    arguments: &Arguments,
    media: Option<PathBuf>,
    stack: &LocalStack,
) -> Result<(), LocalError> {
    const CUSTOMERS: [(i64, &str, &str, &str); 3] = [
        (101, "Northern College", "1", "SRT"),
        (102, "Harbour Museum", "2", "DFXP"),
        (103, "Valley Clinic", "3", "VTT"),
    ];
    let speech = match media {
        Some(media) => vec![Speech {
            media,
            description: None,
        }],
        None => stack.speech().await?,
    };
    let speech = match (arguments.engine, speech.first()) {
        (Engine::Http, Some(first)) => {
            if let Some(description) = &first.description {
                stack.engine_hears(&Said::read(description)?)?;
            }
            vec![first.clone()]
        }
        _ => speech,
    };
    let orders = usize::try_from(arguments.orders.unwrap_or(3)).unwrap_or(3);
    let customers = CUSTOMERS.iter().cycle();
    for ((partner_id, name, output_format, format), speech) in
        customers.zip(speech.iter().cycle()).take(orders)
    {
        let placed = stack
            .place_order(OrderRequest {
                customer: CustomerSpec {
                    partner_id: PartnerId(*partner_id),
                    name: (*name).to_owned(),
                },
                entry: EntrySpec {
                    name: format!("A talk at {name}"),
                    media: Some(speech.media.clone()),
                    ..EntrySpec::default()
                },
                catalog_item: CatalogItemSpec {
                    source_language: LANGUAGE.to_owned(),
                    output_format: Some((*output_format).to_owned()),
                    ..CatalogItemSpec::default()
                },
                ..OrderRequest::default()
            })
            .await?;
        println!(
            "task {}: customer {partner_id} ({name}) orders {format} captions",
            placed.task_id
        );
    }
    Ok(())
}

fn show(task: &TaskView, since: Duration) {
    let attempt = if task.attempt > 1 {
        format!(", attempt {}", task.attempt)
    } else {
        String::new()
    };
    let cause = task
        .cause
        .as_ref()
        .map_or_else(String::new, |cause| format!(": {cause}"));
    println!(
        "{:7.1} s  task {} of customer {}{attempt}: {}{cause}",
        since.as_secs_f64(),
        task.id,
        task.partner_id,
        task.place()
    );
    if task.has_ended() {
        for fault in &task.faults {
            println!("{:10} task {}: {fault}", "", task.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_real_account_needs_credentials() {
        let error = Arguments::try_parse_from(["run", "--kaltura", "https://www.kaltura.com"]).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn the_sample_engine_takes_made_speech_only() {
        let parsed = |arguments: &[&str]| Arguments::try_parse_from(arguments).unwrap().check();
        assert!(parsed(&["run", "--engine", "http"]).is_ok());
        assert!(parsed(&["run", "--media", "talk.mp4"]).is_ok());
        let error = parsed(&["run", "--engine", "http", "--media", "talk.mp4"]).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }

    #[test]
    fn a_parameter_is_a_name_and_a_value() {
        assert_eq!(
            parameter("LogLevel=debug"),
            Ok(("LogLevel".to_owned(), "debug".to_owned()))
        );
        assert!(parameter("LogLevel").is_err());
    }
}
