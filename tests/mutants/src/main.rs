//! `tests/mutants/run`: changes shared/pipeline in one place after another, and sees whether a test of the crate fails.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use comfy_table::{Table, presets};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use mutants::suite::{Built, Complaint, Place, Program, Test, Verdict, by_program};
use mutants::switches::{Mutant, Written, find, rewrite, switch_module};
use mutants::{Error, Result};
use serde::{Deserialize, Serialize};

/// Tests `shared/pipeline` by changing it. Prints a table of its files and the mutants that nothing catches.
#[derive(Debug, Parser)]
struct Options {
    /// A copy of the workspace, which is rewritten.
    #[arg(long)]
    tree: PathBuf,
    /// Where the build goes, and what is found.
    #[arg(long)]
    target: PathBuf,
    /// Only mutants of files whose path holds this.
    #[arg(long)]
    file: Option<String>,
    /// Only every so many.
    #[arg(long, default_value_t = 1)]
    every: u32,
    /// Only those like one that the last run found missed or not reached: of its file, function and change. Those are told by
    /// `outcomes.json`, which this run keeps as it is.
    #[arg(long)]
    again: bool,
    /// How many at once.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
}

const CRATE: &str = "shared/pipeline";
const NAME: &str = "pipeline";
/// The crates in this folder are its handlers, whose tests are its tests, too.
const HANDLERS: &str = "functions";
/// The adapters to AWS, which only the deployed tests reach, and what is there for tests itself.
const LEFT_OUT: [&str; 3] = ["src/aws/", "src/memory.rs", "src/conformance.rs"];
/// More rounds than ever were needed: what does not compile is taken out, and then more may turn up.
const MOST_ROUNDS: usize = 12;
/// The first batch of a mutant's tests takes this long at most, as they took when nothing was changed; and each later one.
const FIRST_BATCH: Duration = Duration::from_millis(300);
const BATCH: Duration = Duration::from_secs(5);
/// A mutant that runs so many times as long has no end.
const PATIENCE: u32 = 6;
const LEAST_PATIENCE: Duration = Duration::from_secs(10);

/// A source file with its mutants.
struct Source {
    /// Below the workspace.
    path: PathBuf,
    text: String,
    mutants: Vec<Mutant>,
    written: Vec<Written>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Caught,
    TooLong,
    Missed,
    NotReached,
    DoesNotCompile,
}

impl Outcome {
    fn is_gap(self) -> bool {
        matches!(self, Self::Missed | Self::NotReached)
    }
}

/// What a former run kept of a mutant.
#[derive(Debug, Deserialize)]
struct Former {
    file: PathBuf,
    function: String,
    what: String,
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    id: u32,
    file: &'a Path,
    line: usize,
    function: &'a str,
    what: &'a str,
    outcome: Outcome,
    tests: usize,
    took_ms: u128,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mutants: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let place = Place {
        tree: options.tree.clone(),
        name: NAME.to_owned(),
        tested_by: tested_by(&options.tree)?,
        target: options.target.join("build"),
    };
    let mut sources = sources(&options.tree)?;
    let count = sources.iter().map(|source| source.mutants.len()).sum::<usize>();
    eprintln!("mutants: {count} of {} files", sources.len());
    let (programs, refused) = build(&place, &mut sources).await?;
    eprintln!(
        "mutants: built after {} s, {} do not compile",
        begun.elapsed().as_secs(),
        refused.len()
    );

    let suite = Suite::of(&place, &programs, &options.target, options.jobs).await?;
    eprintln!(
        "mutants: {} tests, seen one by one after {} s",
        suite.times.len(),
        begun.elapsed().as_secs()
    );

    let outcomes = options.target.join("outcomes.json");
    let (former, kept_at) = if options.again {
        (Some(gaps(&outcomes)?), options.target.join("outcomes-again.json"))
    } else {
        (None, outcomes)
    };
    let wanted: Vec<(&Source, &Mutant)> = sources
        .iter()
        .filter(|source| {
            let path = source.path.to_string_lossy();
            options.file.as_ref().is_none_or(|part| path.contains(part))
        })
        .flat_map(|source| source.mutants.iter().map(move |mutant| (source, mutant)))
        .filter(|(_, mutant)| mutant.id.is_multiple_of(options.every))
        .filter(|(source, mutant)| {
            former.as_ref().is_none_or(|gaps| {
                gaps.contains(&(source.path.clone(), mutant.function.clone(), mutant.what.clone()))
            })
        })
        .collect();
    let rows = suite.judge(&wanted, &refused, begun, &kept_at).await?;
    println!("{}", table(&rows));
    println!("took {} s", begun.elapsed().as_secs());
    for row in rows.iter().filter(|row| row.outcome.is_gap()) {
        println!(
            "{:?}, {} tests: {}:{} {}: {}",
            row.outcome,
            row.tests,
            row.file.display(),
            row.line,
            row.function,
            row.what
        );
    }
    Ok(())
}

/// The crate and its handlers, which have their folders' names.
fn tested_by(tree: &Path) -> Result<Vec<String>> {
    let folder = tree.join(HANDLERS);
    let mut names = vec![NAME.to_owned()];
    for entry in std::fs::read_dir(&folder).map_err(Error::io("cannot list", &folder))? {
        let entry = entry.map_err(Error::io("cannot list", &folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn sources(tree: &Path) -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    let mut folders = vec![tree.join(CRATE).join("src")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(Error::io("cannot list", &folder))?;
        for entry in entries {
            let path = entry.map_err(Error::io("cannot list", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let mut next = 1;
    let mut sources = Vec::new();
    for path in paths {
        let shown = path.to_string_lossy().replace('\\', "/");
        if LEFT_OUT.iter().any(|part| shown.contains(part)) || shown.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(Error::io("cannot read", &path))?;
        let mutants = find(&text, next).map_err(|source| Error::Syntax {
            path: path.clone(),
            source,
        })?;
        next += u32::try_from(mutants.len()).unwrap_or(0);
        let below = path.strip_prefix(tree).unwrap_or(&path);
        sources.push(Source {
            path: below.to_owned(),
            text,
            mutants,
            written: Vec::new(),
        });
    }
    Ok(sources)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(Error::io("cannot write", path))
}

/// What no test caught in a run whose outcomes these are: file, function, change.
fn gaps(outcomes: &Path) -> Result<HashSet<(PathBuf, String, String)>> {
    let json = std::fs::read(outcomes).map_err(Error::io("cannot read", outcomes))?;
    let rows: Vec<Former> = serde_json::from_slice(&json).map_err(|source| Error::Outcomes {
        path: outcomes.to_owned(),
        source,
    })?;
    let gaps = rows.into_iter().filter(|row| row.outcome.is_gap());
    Ok(gaps.map(|row| (row.file, row.function, row.what)).collect())
}

fn keep(path: &Path, rows: &[Row<'_>]) -> Result<()> {
    write(path, &serde_json::to_string_pretty(rows).unwrap_or_default())
}

/// Writes the sources with all mutants that compile, and builds the tests. Answers their programs, and the others.
async fn build(place: &Place, sources: &mut [Source]) -> Result<(Vec<Program>, HashSet<u32>)> {
    let last = sources
        .iter()
        .flat_map(|source| &source.mutants)
        .map(|mutant| mutant.id);
    let package = place.tree.join(CRATE);
    let module = switch_module(last.max().unwrap_or(0));
    write(&package.join("src/mutants.rs"), &module)?;
    let root = package.join("src/lib.rs");
    let text = std::fs::read_to_string(&root).map_err(Error::io("cannot read", &root))?;
    let mut refused = HashSet::new();
    let mut said = String::new();
    for round in 0..MOST_ROUNDS {
        for source in sources.iter_mut() {
            let kept: Vec<&Mutant> = source
                .mutants
                .iter()
                .filter(|mutant| !refused.contains(&mutant.id))
                .collect();
            let (text, written) = rewrite(&source.text, &kept);
            source.written = written;
            write(&place.tree.join(&source.path), &text)?;
        }
        write(&root, &format!("{text}\nmod mutants;\n"))?;
        let mut built = place.build(false).await?;
        if matches!(built, Built::Programs(_)) {
            built = place.build(true).await?;
        }
        match built {
            Built::Programs(programs) => return Ok((programs, refused)),
            Built::Complaints(complaints, text) => {
                let blamed = blamed(sources, &complaints);
                eprintln!("mutants: round {}: {} do not compile", round + 1, blamed.len());
                said = text;
                if blamed.is_empty() {
                    break;
                }
                refused.extend(blamed);
            }
        }
    }
    Err(Error::Build(said))
}

/// The mutants that these complaints are about: those whose own text it is, else all that are at the place.
fn blamed(sources: &[Source], complaints: &[Complaint]) -> HashSet<u32> {
    let mut blamed = HashSet::new();
    for (path, bytes) in complaints {
        let Some(source) = sources.iter().find(|source| source.path == *path) else {
            continue;
        };
        let holds = |range: &std::ops::Range<usize>| range.start <= bytes.start && bytes.end <= range.end;
        let own = source.written.iter().filter(|written| holds(&written.text));
        if let Some(inner) = own.min_by_key(|written| written.text.len()) {
            blamed.insert(inner.id);
            continue;
        }
        let around = source.written.iter().filter(|written| holds(&written.whole));
        if let Some(least) = around.clone().map(|written| written.whole.len()).min() {
            blamed.extend(
                around
                    .filter(|written| written.whole.len() == least)
                    .map(|written| written.id),
            );
        }
    }
    blamed
}

/// The tests, and what each of them reaches.
struct Suite<'a> {
    place: &'a Place,
    times: HashMap<Test, Duration>,
    reaching: HashMap<u32, Vec<Test>>,
    jobs: usize,
}

impl<'a> Suite<'a> {
    async fn of(place: &'a Place, programs: &[Program], target: &Path, jobs: usize) -> Result<Self> {
        let mut tests = Vec::new();
        for program in programs {
            tests.extend(place.tests(program).await?);
        }
        let seen: Vec<(Test, Duration, Vec<u32>)> = stream::iter(tests.into_iter().enumerate())
            .map(async |(at, test)| {
                let record = target.join(format!("reached-{at}"));
                let (took, reached) = place.reach(&test, &record).await?;
                let _ = std::fs::remove_file(record);
                Ok::<_, Error>((test, took, reached))
            })
            .buffer_unordered(jobs)
            .try_collect()
            .await?;
        let mut times = HashMap::new();
        let mut reaching: HashMap<u32, Vec<Test>> = HashMap::new();
        for (test, took, reached) in seen {
            for mutant in reached {
                reaching.entry(mutant).or_default().push(test.clone());
            }
            times.insert(test, took);
        }
        for tests in reaching.values_mut() {
            tests.sort_by_key(|test| times[test]);
        }
        Ok(Self {
            place,
            times,
            reaching,
            jobs,
        })
    }

    async fn judge<'m>(
        &self,
        wanted: &[(&'m Source, &'m Mutant)],
        refused: &HashSet<u32>,
        begun: Instant,
        outcomes_path: &Path,
    ) -> Result<Vec<Row<'m>>> {
        let mut rows = Vec::new();
        let mut outcomes = stream::iter(wanted.iter().copied())
            .map(async |(source, mutant)| {
                let started = Instant::now();
                let outcome = if refused.contains(&mutant.id) {
                    Outcome::DoesNotCompile
                } else {
                    self.outcome(mutant.id).await?
                };
                Ok::<_, Error>(Row {
                    id: mutant.id,
                    file: &source.path,
                    line: mutant.line,
                    function: &mutant.function,
                    what: &mutant.what,
                    outcome,
                    tests: self.reaching.get(&mutant.id).map_or(0, Vec::len),
                    took_ms: started.elapsed().as_millis(),
                })
            })
            .buffer_unordered(self.jobs);
        let mut told = begun.elapsed();
        while let Some(row) = outcomes.next().await {
            rows.push(row?);
            if begun.elapsed() > told + Duration::from_secs(30) {
                told = begun.elapsed();
                eprintln!(
                    "mutants: {} of {} after {} s",
                    rows.len(),
                    wanted.len(),
                    told.as_secs()
                );
                // What is known by now, should it be interrupted.
                keep(outcomes_path, &rows)?;
            }
        }
        rows.sort_by_key(|row| row.id);
        keep(outcomes_path, &rows)?;
        Ok(rows)
    }

    async fn outcome(&self, mutant: u32) -> Result<Outcome> {
        let Some(tests) = self.reaching.get(&mutant) else {
            return Ok(Outcome::NotReached);
        };
        let mut rest = tests.iter().peekable();
        let mut most = FIRST_BATCH;
        while rest.peek().is_some() {
            let mut batch = Vec::new();
            let mut takes = Duration::ZERO;
            while let Some(test) = rest.next_if(|test| batch.is_empty() || takes + self.times[*test] <= most)
            {
                takes += self.times[test];
                batch.push(test);
            }
            for (program, names) in by_program(&batch) {
                let limit = (takes * PATIENCE).max(LEAST_PATIENCE);
                match self.place.run(program, &names, mutant, limit).await? {
                    Verdict::Passed => {}
                    Verdict::Failed => return Ok(Outcome::Caught),
                    Verdict::TooLong => return Ok(Outcome::TooLong),
                }
            }
            most = BATCH;
        }
        Ok(Outcome::Missed)
    }
}

/// A line a file, and one of all: mutants by outcome, and the share that is caught of those that compile.
fn table(rows: &[Row<'_>]) -> Table {
    let mut files: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for row in rows {
        let file = row.file.strip_prefix(CRATE).unwrap_or(row.file);
        files
            .entry(file.display().to_string())
            .or_default()
            .push(row.outcome);
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "file",
        "mutants",
        "caught",
        "too long",
        "missed",
        "not reached",
        "don't compile",
        "caught of those that compile",
    ]);
    let all = ("all".to_owned(), rows.iter().map(|row| row.outcome).collect());
    for (file, outcomes) in files.into_iter().chain([all]) {
        let count = |wanted: Outcome| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        let refused = count(Outcome::DoesNotCompile);
        let caught = count(Outcome::Caught) + count(Outcome::TooLong);
        let share = match outcomes.len() - refused {
            0 => "-".to_owned(),
            compile => format!("{} %", caught * 100 / compile),
        };
        table.add_row([
            file,
            outcomes.len().to_string(),
            count(Outcome::Caught).to_string(),
            count(Outcome::TooLong).to_string(),
            count(Outcome::Missed).to_string(),
            count(Outcome::NotReached).to_string(),
            refused.to_string(),
            share,
        ]);
    }
    let _ = std::io::stdout().flush();
    table
}
