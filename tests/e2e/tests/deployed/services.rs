//! One order of each kind of the guide, from the real template to what the stand-in has of it.

use captions::CaptionFormat;
use futures::future::join_all;
use kaltura_sim::{AssetKind, AssetReport, OrderReport};
use reach_local::{ServiceOrder, of_each_kind};

use crate::bed::{Bed, RECOGNISED_WITHIN};

/// Customers of these orders: none of the other cases' numbers.
const FIRST_CUSTOMER: i64 = 900;

pub async fn one_of_each_kind(bed: &Bed) {
    let orders = of_each_kind(&bed.stack, &bed.speech[0], FIRST_CUSTOMER)
        .await
        .unwrap();
    join_all(orders.into_iter().map(|order| delivered(bed, order))).await;
}

async fn delivered(bed: &Bed, order: ServiceOrder) {
    let (name, feature) = (order.name, order.order.service_feature);
    let placed = bed.order(order.order).await;
    if let Some(file) = order.hand_in {
        bed.stack
            .hand_in(placed.task_id.as_str(), &file, RECOGNISED_WITHIN)
            .await
            .unwrap();
    }
    let task = bed.ended(&placed, 2 * RECOGNISED_WITHIN).await;
    let report = bed.report(&placed);
    assert_eq!(
        report.status, 2,
        "{name}: {task:?} {:?}",
        report.task["errDescription"]
    );
    for asset in report.assets.iter().filter(|asset| asset.by_vendor) {
        assert_eq!(asset.status, 2, "{name}: {asset:?}");
    }
    match feature {
        1..=3 => has_captions(name, &report),
        4 | 7 => has_tracks(name, &report),
        5 => assert_eq!(
            report.cue_points[0]["startTime"], 0,
            "{name}: {:?}",
            report.cue_points
        ),
        6 => assert!(!report.multilingual_tags.is_empty(), "{name}"),
        9 => {
            let attachment = report.delivered(AssetKind::Attachment).next().unwrap();
            assert_eq!(attachment.fields["tags"], "AAD", "{name}");
            let cues = captions::read(CaptionFormat::Vtt, &file(attachment)).unwrap();
            assert_eq!(cues[0].text(), "The trees are green.", "{name}");
        }
        other => panic!("{name}: service {other} is not looked at"),
    }
}

fn file(asset: &AssetReport) -> Vec<u8> {
    std::fs::read(asset.file.as_ref().unwrap()).unwrap()
}

/// A caption in the language ordered, and three transcripts that belong to it.
fn has_captions(name: &str, report: &OrderReport) {
    let caption = report.delivered(AssetKind::Caption).next().unwrap();
    let (_, cues) = captions::read_any(&file(caption)).unwrap();
    assert!(!cues.is_empty(), "{name}");
    let is_translation = name.starts_with("translation");
    let language = if is_translation {
        "Spanish"
    } else {
        reach_local::LANGUAGE
    };
    assert_eq!(caption.fields["language"], language, "{name}");
    assert_eq!(caption.fields["isDefault"], !is_translation, "{name}");
    if is_translation {
        let text: String = cues.iter().map(|cue| cue.text() + " ").collect();
        assert!(text.contains(" de ") || text.contains(" el "), "{name}: {text}");
    }
    let ids: Vec<&str> = report
        .delivered(AssetKind::Attachment)
        .map(|asset| asset.id.as_str())
        .collect();
    assert_eq!(ids.len(), 3, "{name}");
    let related = ids[..2].join(",");
    assert_eq!(caption.fields["associatedTranscriptIds"], related, "{name}");
}

/// The new track and the original.
fn has_tracks(name: &str, report: &OrderReport) {
    let params: Vec<_> = report
        .delivered(AssetKind::Flavor)
        .map(|asset| asset.fields["flavorParamsId"].as_i64())
        .collect();
    assert_eq!(params, [Some(301), Some(302)], "{name}");
    for asset in report.delivered(AssetKind::Flavor) {
        assert_eq!(&file(asset)[4..8], b"ftyp", "{name}: MP4");
    }
}
