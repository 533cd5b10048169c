#!/usr/bin/env python3
"""Drives a whole captions order against the stand-in with Kaltura's official Python client.

The client was written by others against the real server: what it accepts, refuses and parses is an outside check on
the stand-in. Usage:

    captions_order.py --sim PATH/TO/kaltura-sim [--media FILE]     starts the program itself
    captions_order.py --url http://127.0.0.1:PORT [--media FILE]   uses a running one

Exit status 0 if every check held. Needs the packages of requirements.txt beside it.
"""

import argparse
import hashlib
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from KalturaClient import KalturaClient
from KalturaClient.Base import KalturaConfiguration
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
    KalturaSessionType,
    KalturaString,
    KalturaStringResource,
    KalturaUploadedFileTokenResource,
    KalturaUploadToken,
    KalturaUrlResource,
)
from KalturaClient.Plugins.CuePoint import KalturaCuePointFilter
from KalturaClient.Plugins.Reach import (
    KalturaEntryVendorTask,
    KalturaEntryVendorTaskFilter,
    KalturaEntryVendorTaskStatus,
)
from KalturaClient.Plugins.ThumbCuePoint import KalturaThumbCuePoint, KalturaThumbCuePointSubType

SRT = "1\n00:00:00,000 --> 00:00:02,000\nGood morning everybody.\n"
CHECKS = 0


def check(condition, what):
    """Counts a check; ends the run at the first that doesn't hold."""
    global CHECKS
    CHECKS += 1
    if not condition:
        sys.exit(f"FAILED: {what}")


def refused(code, call):
    """Checks that the server refuses a call with that code; gives the exception."""
    try:
        call()
    except KalturaException as error:
        check(error.code == code, f"expected {code}, got {error.code}: {error.message}")
        return error
    sys.exit(f"FAILED: expected {code}, the call went well")


class Sim:
    """The control plane of the stand-in."""

    def __init__(self, url):
        self.url = url
        self.info = self.get("/_sim/info")

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body=None):
        return self.request("POST", path, body)

    def order(self, **fields):
        return self.post("/_sim/orders", fields)

    def report(self, task_id):
        return self.get(f"/_sim/orders/{task_id}")


class Files(http.server.BaseHTTPRequestHandler):
    """Serves one caption to those who bring the right header, as S3 does for a signed request."""

    seen = []

    def log_message(self, *_):
        pass

    def answer(self, with_body):
        Files.seen.append((self.command, self.headers.get("Authorization")))
        allowed = self.headers.get("Authorization") == "Signed abc"
        self.send_response(200 if allowed else 403)
        if allowed:
            self.send_header("Content-Length", str(len(SRT)))
        self.end_headers()
        if allowed and with_body:
            self.wfile.write(SRT.encode())

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)


def client_for(sim, ks=None, tag="app:oracle_vendor"):
    client = KalturaClient(KalturaConfiguration(sim.url))
    client.setClientTag(tag)
    if ks:
        client.setKs(ks)
    return client


def vendor_session(sim):
    client = client_for(sim)
    info = sim.info
    widget = client.session.startWidgetSession(f"_{info['vendor_partner_id']}")
    hash_name = info["app_token_hash"].lower()
    digest = hashlib.new(hash_name, (widget.ks + info["app_token"]).encode()).hexdigest()
    client.setKs(widget.ks)
    refused("INVALID_APP_TOKEN_HASH", lambda: client.appToken.startSession(info["app_token_id"], digest.upper()))
    session = client.appToken.startSession(
        info["app_token_id"], digest, "", KalturaSessionType.ADMIN, 86400, "disableentitlement"
    )
    check("disableentitlement" in session.privileges, "the app token's own privileges are in the session")
    check(session.partnerId == info["vendor_partner_id"], "the session is the vendor's")
    refused("SERVICE_FORBIDDEN", lambda: client.reach.entryVendorTask.getJobs())
    client.setKs(session.ks)
    return client


def jobs(vendor):
    job_filter = KalturaEntryVendorTaskFilter(orderBy="+createdAt")
    return vendor.reach.entryVendorTask.getJobs(job_filter, KalturaFilterPager(pageSize=500, pageIndex=1))


def update(vendor, task_id, **fields):
    return vendor.reach.entryVendorTask.updateJob(task_id, KalturaEntryVendorTask(**fields))


def wait_for(asset_id, get, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        asset = get(asset_id)
        if asset.status.getValue() not in (0, 7):
            return asset
        time.sleep(0.05)
    sys.exit(f"FAILED: asset {asset_id} stays at {asset.status.getValue()}")


def caption(**fields):
    return KalturaCaptionAsset(
        language=KalturaLanguage.EN, format=KalturaCaptionType.SRT, fileExt="srt", label="English", accuracy=95,
        isDefault=KalturaNullableBoolean.TRUE_VALUE, displayOnPlayer=True, **fields
    )


def url_resource(url, *headers):
    lines = [KalturaString(value=line) for line in headers]
    return KalturaUrlResource(url=url, forceAsyncDownload=False, urlHeaders=lines)


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


def upload_whole(key):
    token = key.uploadToken.add(KalturaUploadToken(fileName="talk.srt"))
    with tempfile.NamedTemporaryFile(suffix=".srt") as file:
        file.write(SRT.encode())
        file.seek(0)
        check(key.uploadToken.upload(token.id, file).status.getValue() == 2, "uploaded whole")
    return KalturaUploadedFileTokenResource(token=token.id)


def upload_chunks(key):
    token = key.uploadToken.add(KalturaUploadToken(fileName="talk.srt", fileSize=len(SRT)))
    half = len(SRT) // 2
    for start, end, final in ((0, half, False), (half, len(SRT), True)):
        with tempfile.NamedTemporaryFile(suffix=".srt") as file:
            file.write(SRT.encode()[start:end])
            file.seek(0)
            sent = key.uploadToken.upload(token.id, file, start > 0, final, start if start else -1)
    check(sent.status.getValue() == 2 and sent.uploadedFileSize == len(SRT), "uploaded in chunks")
    file = tempfile.NamedTemporaryFile(suffix=".srt")
    file.write(b"x")
    file.seek(0)
    refused("UPLOAD_TOKEN_INVALID_STATUS_FOR_UPLOAD", lambda: key.uploadToken.upload(token.id, file))
    return KalturaUploadedFileTokenResource(token=token.id)


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--sim", help="the program, to be started here")
    where.add_argument("--url", help="address of a running one")
    parser.add_argument("--media", help="absolute path of a media file for the order")
    options = parser.parse_args()
    program, url = None, options.url
    if options.sim:
        program = subprocess.Popen([options.sim], stdout=subprocess.PIPE, text=True)
        url = json.loads(program.stdout.readline())["service_url"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        sim = Sim(url)
        vendor = vendor_session(sim)
        captions_order(sim, vendor, f"http://127.0.0.1:{server.server_port}", options.media)
        other_ends(sim, vendor)
        multirequest(vendor)
    finally:
        server.shutdown()
        if program:
            program.terminate()
            program.wait()
    print(f"{CHECKS} checks held")


if __name__ == "__main__":
    main()
