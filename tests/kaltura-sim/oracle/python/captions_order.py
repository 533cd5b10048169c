"""A captions order in every detail: what the server accepts, refuses, hides and answers on its way."""

import urllib.request

from KalturaClient.exceptions import KalturaException
from KalturaClient.Plugins.Attachment import KalturaAttachmentAsset, KalturaAttachmentType
from KalturaClient.Plugins.Caption import KalturaCaptionAsset, KalturaCaptionType
from KalturaClient.Plugins.Core import (
    KalturaAssetFilter,
    KalturaAssetResource,
    KalturaBaseEntry,
    KalturaFilterPager,
    KalturaFlavorAsset,
    KalturaLanguage,
    KalturaMediaEntry,
    KalturaMultiLingualString,
    KalturaNullableBoolean,
    KalturaPlaybackContextOptions,
    KalturaResponseProfileHolder,
    KalturaStringResource,
    KalturaUploadedFileTokenResource,
)
from KalturaClient.Plugins.CuePoint import KalturaCuePointFilter
from KalturaClient.Plugins.Reach import KalturaEntryVendorTaskFilter, KalturaEntryVendorTaskStatus
from KalturaClient.Plugins.ThumbCuePoint import KalturaThumbCuePoint, KalturaThumbCuePointSubType

from common import (
    SRT,
    Files,
    check,
    client_for,
    refused,
    update,
    upload_chunks,
    upload_whole,
    url_resource,
    wait_for,
)


def jobs(vendor):
    job_filter = KalturaEntryVendorTaskFilter(orderBy="+createdAt")
    return vendor.reach.entryVendorTask.getJobs(job_filter, KalturaFilterPager(pageSize=500, pageIndex=1))


def caption(**fields):
    return KalturaCaptionAsset(
        language=KalturaLanguage.EN, format=KalturaCaptionType.SRT, fileExt="srt", label="English", accuracy=95,
        isDefault=KalturaNullableBoolean.TRUE_VALUE, displayOnPlayer=True, **fields
    )


def playback(sim, job, key, with_media):
    options = KalturaPlaybackContextOptions(streamerType="applehttp", ks=job.accessKey)
    context = key.baseEntry.getPlaybackContext(job.entryId, options)
    check(len(context.sources) == 1 and context.sources[0].format == "applehttp", "one HLS source")
    check(all(not flavor.isOriginal for flavor in context.flavorAssets), "the original isn't on offer over HLS")
    closed = key.baseEntry.getPlaybackContext(job.entryId, KalturaPlaybackContextOptions(streamerType="applehttp"))
    check(closed.messages[0].code == "SESSION_RESTRICTED" and not closed.sources, "no session, no sources")
    url = context.sources[0].url
    with urllib.request.urlopen(url, timeout=30) as answer:
        check(answer.read() == b"" and answer.headers["X-Kaltura"] == "error-3", "playManifest's empty refusal")
    if not with_media:
        return
    with urllib.request.urlopen(url.replace("/a.m3u8", f"/ks/{job.accessKey}/name/a.m3u8"), timeout=120) as answer:
        master = answer.read().decode()
    variant = next(line for line in master.splitlines() if line.startswith("http"))
    with urllib.request.urlopen(variant.replace("index.m3u8", "index-a1.m3u8"), timeout=120) as answer:
        playlist = answer.read().decode()
    segments = [line for line in playlist.splitlines() if line and not line.startswith("#")]
    check(segments and segments[0].endswith("-a1.ts"), "sound-only segments")
    with urllib.request.urlopen(variant.replace("index.m3u8", segments[0]), timeout=120) as answer:
        check(answer.read(1) == b"\x47", "segments are transport streams")


def captions_order(sim, vendor, files_url, media):
    entry = {"media": media} if media else {}
    placed = sim.order(
        customer={"partner_id": 4242, "name": "college"}, entry=entry, notes="names matter", dictionary="kaltura\nreach",
        profile={"max_characters_per_caption_line": 32, "label_addition_for_machine_service_type": "(auto)"},
        catalog_item={"output_format": "1", "enable_speaker_id": True},
    )
    task_id = placed["task_id"]
    listed = next(job for job in jobs(vendor).objects if str(job.id) == task_id)
    check(listed.status.getValue() == KalturaEntryVendorTaskStatus.PENDING, "a new task is pending")
    check(listed.expectedFinishTime and listed.serviceFeature.getValue() == 1, "getJobs has the D10 fields")
    check(listed.dictionary == "kaltura\nreach", "the dictionary")

    key = client_for(sim, listed.accessKey, f"app:oracle_vendor-1-{task_id}")
    profile = KalturaResponseProfileHolder(systemName="reach_vendor")
    key.setResponseProfile(profile)
    job = key.reach.entryVendorTask.get(int(task_id))
    key.setResponseProfile(None)
    check(job.expectedFinishTime is NotImplemented, "D10: get leaves fields out")
    related = job.relatedObjects
    item = related["reach_vendor_catalog_item"].objects[0]
    check(item.outputFormat.getValue() in (1, "1") and item.sourceLanguage.getValue() == "English", "the catalog item")
    check(related["reach_vendor_profile"].objects[0].maxCharactersPerCaptionLine == 32, "the profile")
    vendor_get = lambda: vendor.reach.entryVendorTask.get(int(task_id))
    refused("ENTRY_VENDOR_TASK_NOT_FOUND", vendor_get)
    refused("SERVICE_FORBIDDEN", lambda: update(key, task_id, status=3))

    refused("CANNOT_EXTEND_ACCESS_KEY", lambda: vendor.reach.entryVendorTask.extendAccessKey(task_id))
    check(update(vendor, task_id, status=3, externalTaskId="x-1").status.getValue() == 3, "to PROCESSING")
    check(update(vendor, task_id, status=3).status.getValue() == 3, "PROCESSING again is no error")
    extended = vendor.reach.entryVendorTask.extendAccessKey(task_id)
    check(extended.accessKey != listed.accessKey, "a new key")
    check(key.baseEntry.get(job.entryId).id == job.entryId, "the old key lives on")
    key.setKs(extended.accessKey)
    listed.accessKey = extended.accessKey

    playback(sim, listed, key, bool(media))

    refused("INVALID_ENUM_VALUE", lambda: key.caption.captionAsset.add(
        job.entryId, KalturaCaptionAsset(language="Auto Detect")))
    refused("INVALID_KS", lambda: client_for(sim, "bm9uc2Vuc2U=").baseEntry.get(job.entryId))

    # By address: asynchronous, the unsigned HEAD first, the headers on the GET.
    asset = key.caption.captionAsset.add(job.entryId, caption(partnerData="deliverable-1"))
    check(asset.status.getValue() == 0 and asset.isDefault.getValue() == 1, "a new caption is queued")
    refused("PROPERTY_VALIDATION_NOT_UPDATABLE", lambda: key.caption.captionAsset.update(
        asset.id, KalturaCaptionAsset(format=KalturaCaptionType.WEBVTT)))
    importing = key.caption.captionAsset.setContent(
        asset.id, url_resource(f"{files_url}/talk.srt", "Authorization: Signed abc"))
    check(importing.status.getValue() == 7, "D1: by address means IMPORTING")
    ready = wait_for(asset.id, key.caption.captionAsset.get)
    check(ready.status.getValue() == 2 and ready.fileExt == "srt", "imported")
    check([("HEAD", None), ("GET", "Signed abc")] == Files.seen[-2:], "HEAD without headers, GET with them")
    with urllib.request.urlopen(key.caption.captionAsset.getUrl(asset.id), timeout=30) as answer:
        check(answer.read().decode() == SRT, "the caption is served as it came")

    # By upload token, whole and in chunks, and by string.
    for content in (upload_whole(key), upload_chunks(key), KalturaStringResource(content=SRT)):
        extra = key.caption.captionAsset.add(job.entryId, caption())
        done = key.caption.captionAsset.setContent(extra.id, content)
        check(done.status.getValue() == 2 and done.fileExt == "srt", "content of its own is taken at once")
    refused("UPLOADED_FILE_NOT_FOUND_BY_TOKEN", lambda: key.caption.captionAsset.setContent(
        extra.id, KalturaUploadedFileTokenResource(token="0_none")))
    refused("FLAVOR_ASSET_ID_NOT_FOUND", lambda: key.caption.captionAsset.setContent(
        extra.id, KalturaAssetResource(assetId="0_none")))
    bad = key.caption.captionAsset.setContent(extra.id, KalturaStringResource(content="no cue"))
    check(bad.status.getValue() == -1, "a caption that doesn't parse goes to -1")
    listed_captions = key.caption.captionAsset.list(KalturaAssetFilter(entryIdEqual=job.entryId))
    check(listed_captions.totalCount == 4, "four captions")

    other_assets(key, job, files_url)

    done = update(vendor, task_id, status=2, outputObjectId=asset.id, accuracy=95)
    check(done.status.getValue() == 2 and done.finishTime, "to READY")
    error = refused("INVALID_KS", lambda: key.caption.captionAsset.get(asset.id))
    check("LOGOUT" in error.message, "D14: READY ends the key")
    refused("CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE", lambda: update(vendor, task_id, status=6))
    check(update(vendor, task_id, status=2).status.getValue() == 2, "READY again is no error")
    report = sim.report(task_id)
    labels = [found["fields"]["label"] for found in report["assets"] if found["id"] == asset.id]
    check(labels == ["English (auto)"] and report["charged"], "D13: the label addition")
    check(any(call["client_tag"] == f"app:oracle_vendor-1-{task_id}" for call in report["calls"]), "calls are logged")
    sessions = [call["params"]["ks"] for call in report["calls"] if "ks" in call["params"]]
    check(sessions and set(sessions) == {"<redacted>"}, "no session in the log")


def other_assets(key, job, files_url):
    """Attachments, flavors, cue points and tags."""
    attachment = key.attachment.attachmentAsset.add(
        job.entryId, KalturaAttachmentAsset(format=KalturaAttachmentType.TEXT, fileExt="vtt", tags="AAD", title="EAD"))
    refused("ATTACHMENT_ASSET_DOWNLOAD_FAILED", lambda: key.attachment.attachmentAsset.setContent(
        attachment.id, url_resource(f"{files_url}/talk-1.vtt", "Authorization: Signed abc")))
    check(Files.seen[-1] == ("GET", None), "D2: attachments are fetched without headers")
    done = key.attachment.attachmentAsset.setContent(attachment.id, KalturaStringResource(content="WEBVTT\n"))
    check(done.status.getValue() == 2, "attachment ready")
    flavor = key.flavorAsset.add(job.entryId, KalturaFlavorAsset(flavorParamsId=200, language=KalturaLanguage.FR))
    error = refused("FLAVOR_ASSET_ALREADY_EXISTS", lambda: key.flavorAsset.add(
        job.entryId, KalturaFlavorAsset(flavorParamsId=200)))
    check(flavor.id in error.message, "the error names the flavor that stands")
    cue = KalturaThumbCuePoint(
        entryId=job.entryId, startTime=1000, subType=KalturaThumbCuePointSubType.CHAPTER, title="One", systemName="c-1")
    check(key.cuePoint.cuePoint.add(cue).startTime == 1000, "a chapter")
    refused("CUE_POINT_SYSTEM_NAME_EXISTS", lambda: key.cuePoint.cuePoint.add(cue))
    found = key.cuePoint.cuePoint.list(KalturaCuePointFilter(entryIdEqual=job.entryId))
    check(found.totalCount == 1 and found.objects[0].title == "One", "chapters are listed")
    tags = [KalturaMultiLingualString(language="fr", value="bonjour")]
    key.media.update(job.entryId, KalturaMediaEntry(multiLingual_tags=tags))
    check(key.baseEntry.update(job.entryId, KalturaBaseEntry(tags="a,b")).tags == "a,b", "tags")


def other_ends(sim, vendor):
    """Tasks that end in other ways."""
    failed = sim.order(customer={"partner_id": 4243})["task_id"]
    check(update(vendor, failed, status=6, errDescription="wrong language").status.getValue() == 6, "to ERROR")
    check(sim.report(failed)["refunded"], "ERROR refunds")
    gone = sim.order()["task_id"]
    sim.post(f"/_sim/orders/{gone}/abort")
    refused("ENTRY_VENDOR_TASK_NOT_FOUND", lambda: update(vendor, gone, status=3))
    refused("ENTRY_VENDOR_TASK_NOT_FOUND", lambda: vendor.reach.entryVendorTask.extendAccessKey(gone))
    old = sim.order(access_key={"life_s": 1, "version": "v1"})["task_id"]
    sim.post("/_sim/clock", {"advance_ms": 2000})
    key = client_for(sim, sim.report(old)["task"]["accessKey"])
    error = refused("INVALID_KS", lambda: key.reach.entryVendorTask.get(int(old)))
    check("EXPIRED" in error.message, "the reason is in the message")
    update(vendor, old, status=3)
    key.setKs(vendor.reach.entryVendorTask.extendAccessKey(old).accessKey)
    check(str(key.reach.entryVendorTask.get(int(old)).id) == old, "updateJob, extendAccessKey, get")
    sim.post("/_sim/faults", {"add": [{"service": "reach_entryvendortask", "action": "getJobs", "count": 1,
                                       "effect": {"kind": "api", "code": "ACTION_BLOCKED"}}]})
    refused("ACTION_BLOCKED", lambda: jobs(vendor))
    jobs(vendor)


def multirequest(vendor):
    vendor.startMultiRequest()
    vendor.system.ping()
    vendor.reach.entryVendorTask.getJobs()
    answers = vendor.doMultiRequest()
    check(len(answers) == 2 and not any(isinstance(one, KalturaException) for one in answers), "two answers")
