"""An order of each kind in `../kinds.json`, from job to READY; then what the stand-in has of it is compared."""

import importlib
import urllib.request

from KalturaClient.Plugins.Core import (
    KalturaMediaEntry,
    KalturaMultiLingualString,
    KalturaPlaybackContextOptions,
    KalturaResponseProfileHolder,
    KalturaStringResource,
)
from KalturaClient.Plugins.Schedule import KalturaLiveCaptionFeature
from KalturaClient.Plugins.ThumbCuePoint import KalturaThumbCuePoint, KalturaThumbCuePointSubType

from common import check, client_for, content_of, refused, update, upload_chunks, upload_whole, url_resource, wait_for

MODULES = [
    importlib.import_module(f"KalturaClient.Plugins.{name}") for name in ("Attachment", "Caption", "Core", "Transcript")
]
READY, PROCESSING, SCHEDULED = 2, 3, 9


def made(name, fields):
    """An object of the client's class of this name."""
    return next(getattr(module, name) for module in MODULES if hasattr(module, name))(**fields)


def services(key):
    """By kind of asset: its service, and how an asset is looked at."""
    caption, attachment, flavor = key.caption.captionAsset, key.attachment.attachmentAsset, key.flavorAsset
    return {"caption": caption, "attachment": attachment, "flavor": flavor}


def content(key, files_url, step):
    """The file of an asset, on the way that the order wants it to go."""
    name = step["file"]
    return {
        "signed_url": lambda: url_resource(f"{files_url}/{name}", "Authorization: Signed abc"),
        "open_url": lambda: url_resource(f"{files_url}/open/{name}"),
        "token": lambda: upload_whole(key, name),
        "chunks": lambda: upload_chunks(key, name),
        "string": lambda: KalturaStringResource(content=content_of(name).decode()),
    }[step["by"]]()


def deliver(key, files_url, entry_id, step):
    """Adds an asset with its content, and waits until it is READY."""
    service = services(key)[step["kind"]]
    asset = service.add(entry_id, made(step["class"], step["fields"]))
    check(asset.status.getValue() == 0, f"a new {step['kind']} is queued")
    asset = service.setContent(asset.id, content(key, files_url, step))
    importing = step["kind"] != "attachment" and step["by"] == "signed_url"
    check(asset.status.getValue() == (7 if importing else READY), f"{step['kind']} by {step['by']}")
    check(wait_for(asset.id, service.get).status.getValue() == READY, f"{step['kind']} {step['file']} is ready")
    return asset.id


def chapters(key, entry_id, task_id, titles):
    for number, title in enumerate(titles):
        cue = KalturaThumbCuePoint(
            entryId=entry_id, startTime=number * 10_000, subType=KalturaThumbCuePointSubType.CHAPTER, title=title,
            systemName=f"chapter-{task_id}-{number}")
        check(key.cuePoint.cuePoint.add(cue).title == title, "a chapter")
        refused("CUE_POINT_SYSTEM_NAME_EXISTS", lambda: key.cuePoint.cuePoint.add(cue))


def schedule(vendor, key, job):
    """A live order before its event: the feature is filled in, the task SCHEDULED."""
    feature = KalturaLiveCaptionFeature(
        mediaUrl="rtmps://vendor.example/in", mediaKey="stream-1", captionUrl="wss://vendor.example/out",
        captionToken="token-1")
    event, name = job.taskJobData.scheduledEventId, f"LiveCaptionFeature-reach-{job.id}"
    refused("FEATURE_NAME_NOT_FOUND", lambda: key.schedule.scheduleEvent.updateLiveFeature(event, "other", feature))
    key.schedule.scheduleEvent.updateLiveFeature(event, name, feature)
    check(update(vendor, job.id, status=SCHEDULED).status.getValue() == SCHEDULED, "to SCHEDULED")
    check(vendor.reach.entryVendorTask.extendAccessKey(job.id).accessKey, "D5: SCHEDULED is enough to extend the key")


def work(sim, vendor, files_url, kind):
    name, order = kind["kind"], dict(kind["order"])
    placed = sim.order(customer={"partner_id": 4300, "name": "museum"}, **order)
    task_id, entry_id = placed["task_id"], placed["entry_id"]
    key = client_for(sim, sim.report(task_id)["task"]["accessKey"], f"app:oracle_vendor-1-{task_id}")
    key.setResponseProfile(KalturaResponseProfileHolder(systemName="reach_vendor"))
    job = key.reach.entryVendorTask.get(int(task_id))
    key.setResponseProfile(None)
    item = job.relatedObjects["reach_vendor_catalog_item"].objects[0]
    for field, attribute in (("target_language", "targetLanguage"), ("flavor_params_id", "flavorParamsId"),
                             ("clear_audio_flavor_params_id", "clearAudioFlavorParamsId")):
        if field in order.get("catalog_item", {}):
            got = getattr(item, attribute)
            check(getattr(got, "value", got) == order["catalog_item"][field], f"{name}: {attribute} of the catalog item")
    if kind.get("live"):
        schedule(vendor, key, job)
    check(update(vendor, task_id, status=PROCESSING).status.getValue() == PROCESSING, f"{name}: to PROCESSING")

    if "media" in kind:
        options = KalturaPlaybackContextOptions(streamerType=kind["media"], ks=key.getKs())
        sources = key.baseEntry.getPlaybackContext(entry_id, options).sources
        wanted = {"applehttp": "applehttp", "http": "url"}[kind["media"]]
        check(sources and all(source.format == wanted for source in sources), f"{name}: sources")
    if "source_caption" in kind:
        source = key.caption.captionAsset.get(job.taskJobData.captionAssetId)
        check(source.accuracy == 100, f"{name}: the source's accuracy")
        with urllib.request.urlopen(key.caption.captionAsset.getUrl(source.id), timeout=30) as answer:
            check(kind["source_caption"] in answer.read().decode(), f"{name}: the source's text")
    for field, text in kind.get("source_transcripts", {}).items():
        transcript = key.attachment.attachmentAsset.get(getattr(job.taskJobData, field))
        check(type(transcript).__name__ == "KalturaTranscriptAsset", f"{name}: the class of the source transcript")
        with urllib.request.urlopen(key.attachment.attachmentAsset.getUrl(transcript.id), timeout=30) as answer:
            check(answer.read().decode() == text, f"{name}: {field}")
    delivered = [deliver(key, files_url, entry_id, step) for step in kind["assets"]]
    chapters(key, entry_id, task_id, kind.get("chapters", []))
    if "tags" in kind:
        tags = [KalturaMultiLingualString(language=language, value=value) for language, value in kind["tags"].items()]
        key.media.update(entry_id, KalturaMediaEntry(multiLingual_tags=tags))

    fields = {"status": READY, **({"outputObjectId": delivered[0]} if delivered else {})}
    if "accuracy" in kind:
        fields["accuracy"] = kind["accuracy"]
    check(update(vendor, task_id, **fields).status.getValue() == READY, f"{name}: to READY")
    arrived(sim.report(task_id), kind, delivered)


def arrived(report, kind, delivered):
    """Compares what the customer has with what was meant."""
    name = kind["kind"]
    assets = {asset["id"]: asset for asset in report["assets"] if asset["by_vendor"]}
    check(list(assets) == delivered, f"{name}: the assets and no other")
    for asset_id, step in zip(delivered, kind["assets"]):
        asset = assets[asset_id]
        check(asset["status"] == READY and asset["kind"] == step["kind"], f"{name}: {step['file']} is READY")
        with open(asset["file"], "rb") as file:
            check(file.read() == content_of(step["file"]), f"{name}: {step['file']} as it was sent")
        for field in ("language", "label", "fileExt", "tags", "title", "flavorParamsId", "usage"):
            if field in step["fields"]:
                got = asset["fields"][field]
                check(got == step["fields"][field], f"{name}: {field} of {step['file']} is {got!r}")
    check([cue["title"] for cue in report["cue_points"]] == kind.get("chapters", []), f"{name}: chapters")
    if kind.get("live"):
        check(report["live_feature"]["captionToken"] == "token-1", f"{name}: the live feature")
    for language, value in kind.get("tags", {}).items():
        check(value in str(report["multilingual_tags"]), f"{name}: tags in {language}")
    check(report["charged"] and not report["refunded"], f"{name}: charged")


def order_kinds(sim, vendor, files_url, kinds):
    for kind in kinds:
        work(sim, vendor, files_url, kind)
