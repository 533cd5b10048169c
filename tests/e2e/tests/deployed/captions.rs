//! Captions orders, delivered in each format: words, times, and every field of every asset.

use captions::{CaptionFormat, Cue};
use kaltura_sim::{AssetKind, CatalogItemSpec, OrderReport, OrderRequest};
use reach_local::LANGUAGE;

use crate::bed::{Bed, RECOGNISED_WITHIN};

pub async fn srt(bed: &Bed) {
    order_in(bed, CaptionFormat::Srt, "1", 0).await;
}

pub async fn dfxp(bed: &Bed) {
    order_in(bed, CaptionFormat::Dfxp, "2", 1).await;
}

pub async fn vtt(bed: &Bed) {
    order_in(bed, CaptionFormat::Vtt, "3", 2).await;
}

/// Orders captions for a piece of the made speech, and reads the delivery back from the stand-in.
async fn order_in(bed: &Bed, format: CaptionFormat, number: &str, speech: usize) {
    let speech = &bed.speech[speech];
    let placed = bed
        .order(OrderRequest {
            catalog_item: CatalogItemSpec {
                source_language: LANGUAGE.to_owned(),
                output_format: Some(number.to_owned()),
                ..CatalogItemSpec::default()
            },
            ..bed.order_for(&speech.media)
        })
        .await;
    let task = bed.ended(&placed, RECOGNISED_WITHIN).await;
    let passed: Vec<&str> = task.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(passed.last(), Some(&"Delivered"), "{task:?}");

    let cues = delivered(&bed.report(&placed), format, number);
    let described: serde_json::Value =
        serde_json::from_slice(&std::fs::read(speech.description.as_ref().unwrap()).unwrap()).unwrap();
    let said = words(described["text"].as_str().unwrap());
    let lines: Vec<String> = cues.iter().flat_map(|cue| cue.lines.clone()).collect();
    let read = words(&lines.join(" "));
    let rate = word_error_rate(&said, &read);
    assert!(rate <= 0.15, "{rate:.2} of the words differ: {read:?}");
    let duration_ms = described["duration_ms"].as_u64().unwrap();
    assert!(
        cues.windows(2).all(|pair| pair[0].end_ms <= pair[1].start_ms),
        "cues don't overlap"
    );
    assert!(
        cues.iter()
            .all(|cue| cue.start_ms < cue.end_ms && cue.end_ms <= duration_ms + 1_000),
        "{cues:?}"
    );
    assert!(lines.iter().all(|line| line.chars().count() <= 42), "{lines:?}");
}

/// Checks every field of the delivered asset, and answers its cues.
fn delivered(report: &OrderReport, format: CaptionFormat, number: &str) -> Vec<Cue> {
    assert_eq!(
        report.status,
        2,
        "task {} is READY: {:?}",
        report.task_id,
        report.task.get("errDescription")
    );
    let assets: Vec<_> = report.delivered(AssetKind::Caption).collect();
    assert_eq!(assets.len(), 1, "one asset of one order");
    let asset = assets[0];
    let field = |name: &str| asset.fields.get(name).cloned().unwrap_or_default();
    assert_eq!(asset.status, 2);
    assert_eq!(field("format"), number);
    assert_eq!(field("fileExt"), format.extension());
    assert_eq!(field("language"), LANGUAGE);
    assert_eq!(field("label"), LANGUAGE);
    assert_eq!(field("isDefault"), true);
    assert_eq!(field("displayOnPlayer"), true);
    let accuracy = field("accuracy").as_i64().unwrap();
    assert!((50..100).contains(&accuracy), "{accuracy}");
    assert_eq!(report.task["accuracy"], accuracy);
    assert_eq!(report.task["outputObjectId"], asset.id.as_str());
    assert_eq!(report.task["externalTaskId"], format!("{}-1", report.task_id));
    assert!(
        field("partnerData")
            .as_str()
            .unwrap()
            .contains(report.task_id.as_str())
    );
    let imports: Vec<(&str, Option<u16>)> = asset
        .imports
        .iter()
        .map(|import| (import.method.as_str(), import.http_status))
        .collect();
    assert_eq!(
        imports,
        [("HEAD", Some(403)), ("GET", Some(200))],
        "signed headers open the object, nothing else does"
    );
    let file = std::fs::read(asset.file.as_ref().unwrap()).unwrap();
    captions::read(format, &file).unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace()
        .map(|word| {
            word.chars()
                .filter(|c| c.is_alphanumeric())
                .collect::<String>()
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// Share of words that differ: the least number of changes from one text to the other, by the said words.
fn word_error_rate(said: &[String], read: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=read.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in read.iter().enumerate() {
            let change = diagonal + usize::from(word != other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    f64::from(u32::try_from(row[read.len()]).unwrap()) / f64::from(u32::try_from(said.len()).unwrap())
}
