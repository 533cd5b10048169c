#!/usr/bin/env node
/**
 * Drives whole orders against the stand-in with Kaltura's official Node client: sessions and errors, then an order of each
 * kind in `../kinds.json`, from job to READY; then what the stand-in has of it is compared.
 *
 * It differs from the Python client in what it sends (numbers as numbers, nested JSON, its own multipart) and in what it
 * reads (JSON). Usage:
 *
 *     orders.js --sim PATH/TO/kaltura-sim
 *
 * Exit status 0 if every check held. Needs the packages of package.json, found by NODE_PATH.
 */
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const { spawn } = require("node:child_process");

const kaltura = require("kaltura-client");
const { services, objects, enums } = kaltura;

const READY = 2;
const PROCESSING = 3;
const SCHEDULED = 9;
const KINDS = JSON.parse(fs.readFileSync(path.join(__dirname, "..", "kinds.json"), "utf8"));
/** A vendor's files, by extension. */
const CONTENT = {
  srt: "1\n00:00:00,000 --> 00:00:02,000\nGood morning everybody.\n",
  vtt: "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nGood morning everybody.\n",
  dfxp:
    '<?xml version="1.0" encoding="UTF-8"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><body><div>' +
    '<p begin="00:00:00.000" end="00:00:02.000">Good morning everybody.</p></div></body></tt>\n',
  txt: "Good morning everybody.\n",
  mp4: "no film, but nobody looks inside\n",
};

let held = 0;

/** Counts a check; ends the run at the first that doesn't hold. */
function check(condition, what) {
  if (!condition) throw new Error(`FAILED: ${what}`);
  held += 1;
}

/** Checks that the server refuses a call with that code; gives the exception. */
async function refused(code, call) {
  try {
    await call();
  } catch (error) {
    check(error.code === code, `expected ${code}, got ${error.code}: ${error.message}`);
    return error;
  }
  throw new Error(`FAILED: expected ${code}, the call went well`);
}

const contentOf = (name) => Buffer.from(CONTENT[path.extname(name).slice(1)]);

/** Serves the vendor's files to those who bring the right header; what lies under `/open/` to anybody. */
function serveFiles() {
  const server = http.createServer((request, answer) => {
    const allowed = request.url.startsWith("/open/") || request.headers.authorization === "Signed abc";
    const content = contentOf(request.url);
    answer.writeHead(allowed ? 200 : 403, allowed ? { "content-length": content.length } : {});
    answer.end(allowed && request.method === "GET" ? content : undefined);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** Starts the stand-in; answers the process and what it tells of itself. */
async function startSim(program) {
  const child = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of readline.createInterface({ input: child.stdout })) {
    return { child, info: JSON.parse(line) };
  }
  throw new Error("the stand-in ended before it said its address");
}

/** The control plane of the stand-in. */
async function control(info, method, where, body) {
  const answer = await fetch(info.service_url + where, { method, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

function clientFor(info, ks, tag = "node:oracle_vendor") {
  const config = new kaltura.Configuration();
  config.serviceUrl = info.service_url;
  // The client's own would print every session.
  config.setLogger({ log() {}, error() {}, debug() {} });
  const client = new kaltura.Client(config);
  client.setClientTag(tag);
  if (ks) client.setKs(ks);
  return client;
}

async function vendorSession(info) {
  const client = clientFor(info);
  const widget = await services.session.startWidgetSession(`_${info.vendor_partner_id}`).execute(client);
  client.setKs(widget.ks);
  const hash = crypto.createHash(info.app_token_hash.toLowerCase()).update(widget.ks + info.app_token).digest("hex");
  const start = (value, privileges) =>
    services.appToken.startSession(info.app_token_id, value, "", enums.SessionType.ADMIN, 86400, privileges).execute(client);
  await refused("INVALID_APP_TOKEN_HASH", () => start(hash.toUpperCase()));
  await refused("APP_TOKEN_ID_NOT_FOUND", () => services.appToken.startSession("0_none", hash).execute(client));
  const session = await start(hash, "disableentitlement,setrole:ANY");
  check(session.privileges.includes("disableentitlement"), "the app token's own privileges are in the session");
  check(!session.privileges.includes("setrole:ANY"), "D9: reserved privileges can't be asked for");
  await refused("SERVICE_FORBIDDEN", () => services.entryVendorTask.getJobs().execute(client));
  client.setKs(session.ks);
  return client;
}

const update = (vendor, taskId, fields) =>
  services.entryVendorTask.updateJob(taskId, new objects.EntryVendorTask(fields)).execute(vendor);

/** By kind of asset: its service. */
const SERVICES = {
  caption: services.captionAsset,
  attachment: services.attachmentAsset,
  flavor: services.flavorAsset,
};

async function waitFor(key, service, id) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const asset = await service.get(id).execute(key);
    if (asset.status !== 0 && asset.status !== 7) return asset;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`FAILED: asset ${id} stays IMPORTING`);
}

/** Uploads in one call, or in three with the middle one last but one. */
async function upload(key, folder, name, chunked) {
  const content = contentOf(name);
  const fields = chunked ? { fileName: name, fileSize: content.length } : { fileName: name };
  const token = await services.uploadToken.add(new objects.UploadToken(fields)).execute(key);
  const third = Math.floor(content.length / 3);
  const cuts = chunked ? [0, third, 2 * third, content.length] : [0, content.length];
  let sent;
  for (let chunk = 0; chunk + 1 < cuts.length; chunk++) {
    const file = path.join(folder, name);
    fs.writeFileSync(file, content.subarray(cuts[chunk], cuts[chunk + 1]));
    const last = chunk + 2 === cuts.length;
    const at = chunk === 0 ? -1 : cuts[chunk];
    sent = await services.uploadToken.upload(token.id, file, chunk > 0, last, at).execute(key);
  }
  check(sent.status === 2 && Number(sent.uploadedFileSize) === content.length, `uploaded ${name}`);
  return new objects.UploadedFileTokenResource({ token: token.id });
}

/** The file of an asset, on the way that the order wants it to go. */
function resource(key, folder, filesUrl, step) {
  const header = { objectType: "KalturaString", value: "Authorization: Signed abc" };
  switch (step.by) {
    case "signed_url":
      return new objects.UrlResource({ url: `${filesUrl}/${step.file}`, forceAsyncDownload: false, urlHeaders: [header] });
    case "open_url":
      return new objects.UrlResource({ url: `${filesUrl}/open/${step.file}` });
    case "string":
      return new objects.StringResource({ content: contentOf(step.file).toString() });
    default:
      return upload(key, folder, step.file, step.by === "chunks");
  }
}

/** Adds an asset with its content, and waits until it is READY. */
async function deliver(key, folder, filesUrl, entryId, step) {
  const service = SERVICES[step.kind];
  const added = new objects[step.class.replace("Kaltura", "")](step.fields);
  let asset = await service.add(entryId, added).execute(key);
  check(asset.status === 0, `a new ${step.kind} is queued`);
  asset = await service.setContent(asset.id, await resource(key, folder, filesUrl, step)).execute(key);
  const importing = step.kind !== "attachment" && step.by === "signed_url";
  check(asset.status === (importing ? 7 : READY), `${step.kind} by ${step.by} is at ${asset.status}`);
  check((await waitFor(key, service, asset.id)).status === READY, `${step.kind} ${step.file} is ready`);
  return asset.id;
}

async function schedule(vendor, key, job) {
  const feature = new objects.LiveCaptionFeature({
    mediaUrl: "rtmps://vendor.example/in",
    mediaKey: "stream-1",
    captionUrl: "wss://vendor.example/out",
    captionToken: "token-1",
  });
  const event = job.taskJobData.scheduledEventId;
  const fill = (name) => services.scheduleEvent.updateLiveFeature(event, name, feature).execute(key);
  await refused("FEATURE_NAME_NOT_FOUND", () => fill("other"));
  await fill(`LiveCaptionFeature-reach-${job.id}`);
  check((await update(vendor, job.id, { status: SCHEDULED })).status === SCHEDULED, "to SCHEDULED");
  const extended = await services.entryVendorTask.extendAccessKey(job.id).execute(vendor);
  check(extended.accessKey !== key.getKs(), "D5: SCHEDULED is enough to extend the key");
  // READY ends the task's key of then, not those before it.
  key.setKs(extended.accessKey);
}

/** Finds the job in the list, as a vendor does. */
async function listed(vendor, taskId) {
  const filter = new objects.EntryVendorTaskFilter({ orderBy: "+createdAt" });
  const pager = new objects.FilterPager({ pageSize: 500, pageIndex: 1 });
  const page = await services.entryVendorTask.getJobs(filter, pager).execute(vendor);
  const job = page.objects.find((one) => one.id === taskId);
  check(job && job.status === 1 && job.serviceFeature && job.expectedFinishTime, "the job is listed, with the D10 fields");
  return job;
}

async function work(info, vendor, folder, filesUrl, kind) {
  const order = { customer: { partner_id: 4300, name: "museum" }, ...kind.order };
  const { task_id: taskId, entry_id: entryId } = await control(info, "POST", "/_sim/orders", order);
  const { accessKey } = await listed(vendor, taskId);
  const key = clientFor(info, accessKey, `node:oracle_vendor-1-${taskId}`);
  const profile = new objects.ResponseProfileHolder({ systemName: "reach_vendor" });
  const job = await services.entryVendorTask.get(taskId).setResponseProfile(profile).execute(key);
  check(job.expectedFinishTime === undefined, `${kind.kind}: D10: get leaves fields out`);
  const item = job.relatedObjects.reach_vendor_catalog_item.objects[0];
  const wanted = order.catalog_item || {};
  check(item.targetLanguage === wanted.target_language, `${kind.kind}: target language of the catalog item`);
  check(item.flavorParamsId === wanted.flavor_params_id, `${kind.kind}: flavor of the catalog item`);
  if (kind.live) await schedule(vendor, key, job);
  check((await update(vendor, taskId, { status: PROCESSING })).status === PROCESSING, `${kind.kind}: to PROCESSING`);

  if (kind.media) {
    const options = new objects.PlaybackContextOptions({ streamerType: kind.media, ks: accessKey });
    const { sources } = await services.baseEntry.getPlaybackContext(entryId, options).execute(key);
    const format = { applehttp: "applehttp", http: "url" }[kind.media];
    check(sources.length > 0 && sources.every((one) => one.format === format), `${kind.kind}: sources`);
  }
  if (kind.source_caption) {
    const source = await services.captionAsset.get(job.taskJobData.captionAssetId).execute(key);
    check(source.accuracy === 100, `${kind.kind}: the source's accuracy`);
    const url = await services.captionAsset.getUrl(source.id).execute(key);
    check((await (await fetch(url)).text()).includes(kind.source_caption), `${kind.kind}: the source's text`);
  }
  for (const [field, text] of Object.entries(kind.source_transcripts || {})) {
    const transcript = await services.attachmentAsset.get(job.taskJobData[field]).execute(key);
    check(transcript.objectType === "KalturaTranscriptAsset", `${kind.kind}: the class of the source transcript`);
    const url = await services.attachmentAsset.getUrl(transcript.id).execute(key);
    check((await (await fetch(url)).text()) === text, `${kind.kind}: ${field}`);
  }
  const delivered = [];
  for (const step of kind.assets) delivered.push(await deliver(key, folder, filesUrl, entryId, step));
  for (const [number, title] of (kind.chapters || []).entries()) {
    const systemName = `chapter-${taskId}-${number}`;
    const cue = { entryId, startTime: number * 10_000, subType: enums.ThumbCuePointSubType.CHAPTER, title, systemName };
    const add = () => services.cuePoint.add(new objects.ThumbCuePoint(cue)).execute(key);
    check((await add()).title === title, "a chapter");
    await refused("CUE_POINT_SYSTEM_NAME_EXISTS", add);
  }
  if (kind.tags) {
    const tags = Object.entries(kind.tags).map(([language, value]) => new objects.MultiLingualString({ language, value }));
    await services.media.update(entryId, new objects.MediaEntry({ multiLingual_tags: tags })).execute(key);
  }

  const fields = { status: READY, outputObjectId: delivered[0], accuracy: kind.accuracy };
  check((await update(vendor, taskId, fields)).status === READY, `${kind.kind}: to READY`);
  const dead = await refused("INVALID_KS", () => services.baseEntry.get(entryId).execute(key));
  check(dead.args.KSID === "LOGOUT", `${kind.kind}: D14: READY ends the key`);
  await refused("CANNOT_UPDATE_STATUS_OF_TASK_WHICH_IS_IN_FINAL_STATE", () => update(vendor, taskId, { status: 6 }));
  arrived(await control(info, "GET", `/_sim/orders/${taskId}`), kind, delivered);
}

/** Compares what the customer has with what was meant. */
function arrived(report, kind, delivered) {
  const assets = report.assets.filter((asset) => asset.by_vendor);
  check(JSON.stringify(assets.map((asset) => asset.id)) === JSON.stringify(delivered), `${kind.kind}: the assets`);
  for (const [number, step] of kind.assets.entries()) {
    const asset = assets[number];
    check(asset.status === READY && asset.kind === step.kind, `${kind.kind}: ${step.file} is READY`);
    check(fs.readFileSync(asset.file).equals(contentOf(step.file)), `${kind.kind}: ${step.file} as it was sent`);
    for (const field of ["language", "label", "fileExt", "tags", "title", "flavorParamsId", "usage"]) {
      if (!(field in step.fields)) continue;
      check(asset.fields[field] === step.fields[field], `${kind.kind}: ${field} of ${step.file}: ${asset.fields[field]}`);
    }
  }
  const titles = report.cue_points.map((cue) => cue.title);
  check(JSON.stringify(titles) === JSON.stringify(kind.chapters || []), `${kind.kind}: chapters`);
  if (kind.live) check(report.live_feature.captionToken === "token-1", `${kind.kind}: the live feature`);
  for (const value of Object.values(kind.tags || {})) {
    check(JSON.stringify(report.multilingual_tags).includes(value), `${kind.kind}: tags`);
  }
  check(report.charged && !report.refunded, `${kind.kind}: charged`);
}

/** What the server refuses, in the JSON that this client reads. */
async function refusals(info, vendor) {
  const place = (order) => control(info, "POST", "/_sim/orders", order);
  const { task_id: failed } = await place({ customer: { partner_id: 4301 } });
  check((await update(vendor, failed, { status: 6, errDescription: "wrong language" })).status === 6, "to ERROR");
  check((await control(info, "GET", `/_sim/orders/${failed}`)).refunded, "ERROR refunds");

  const { task_id: open, entry_id: entryId } = await place({ customer: { partner_id: 4301 } });
  await refused("CANNOT_EXTEND_ACCESS_KEY", () => services.entryVendorTask.extendAccessKey(open).execute(vendor));
  await refused("ENTRY_VENDOR_TASK_NOT_FOUND", () => services.entryVendorTask.get(open).execute(vendor));
  await refused("INVALID_KS", () => services.baseEntry.get(entryId).execute(clientFor(info, "bm9uc2Vuc2U=")));
  const { accessKey } = await listed(vendor, open);
  const key = clientFor(info, accessKey);
  await refused("SERVICE_FORBIDDEN", () => update(key, open, { status: PROCESSING }));
  await refused("INVALID_ENUM_VALUE", () =>
    services.captionAsset.add(entryId, new objects.CaptionAsset({ language: "Auto Detect" })).execute(key),
  );
  await refused("PROPERTY_VALIDATION_NOT_UPDATABLE", () =>
    services.flavorAsset.add(entryId, new objects.FlavorAsset({ flavorParamsId: 9, isOriginal: 1 })).execute(key),
  );
  const flavor = () => services.flavorAsset.add(entryId, new objects.FlavorAsset({ flavorParamsId: 9 })).execute(key);
  const first = await flavor();
  const twice = await refused("FLAVOR_ASSET_ALREADY_EXISTS", flavor);
  check(twice.args.ASSET_ID === first.id, "the error names the flavor that stands");
  await refused("FLAVOR_ASSET_ID_NOT_FOUND", () =>
    services.flavorAsset.setContent(first.id, new objects.AssetResource({ assetId: "0_none" })).execute(key),
  );
  await control(info, "POST", `/_sim/orders/${open}/abort`);
  await refused("ENTRY_VENDOR_TASK_NOT_FOUND", () => update(vendor, open, { status: PROCESSING }));

  const fault = { service: "reach_entryvendortask", action: "getJobs", count: 1 };
  await control(info, "POST", "/_sim/faults", { add: [{ ...fault, effect: { kind: "api", code: "ACTION_BLOCKED" } }] });
  await refused("ACTION_BLOCKED", () => services.entryVendorTask.getJobs().execute(vendor));

  const both = new kaltura.MultiRequestBuilder();
  const answers = await both.add(services.system.ping()).add(services.entryVendorTask.getJobs()).execute(vendor);
  check(answers.length === 2 && answers[0] === true && Array.isArray(answers[1].objects), "a multirequest of two");
}

async function main() {
  const [flag, program] = process.argv.slice(2);
  if (flag !== "--sim" || !program) throw new Error("usage: orders.js --sim PATH/TO/kaltura-sim");
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kaltura-oracle-"));
  const [{ child, info }, files] = await Promise.all([startSim(program), serveFiles()]);
  try {
    const vendor = await vendorSession(info);
    for (const kind of KINDS) await work(info, vendor, folder, `http://127.0.0.1:${files.address().port}`, kind);
    await refusals(info, vendor);
  } finally {
    child.kill();
    files.close();
    files.closeAllConnections();
    fs.rmSync(folder, { recursive: true });
  }
  console.log(`Kaltura's Node client: ${held} checks held, orders of ${KINDS.length} kinds`);
}

main().catch((error) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
