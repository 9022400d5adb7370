// npm's dicomweb-client and dcmjs against a server. Arguments: modules, DICOMweb root, study UID, a file to store.
// Standard output: one JSON object with what they found.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [modules, url, study, file] = process.argv.slice(2);
const require = createRequire(modules + '/');

// The client is made for browsers; of their XMLHttpRequest it needs this much.
globalThis.XMLHttpRequest = class {
  headers = {};
  open(method, url) { Object.assign(this, { method, url }); }
  setRequestHeader(name, value) { this.headers[name] = value; }
  getResponseHeader(name) { return this.answer.headers.get(name); }
  getAllResponseHeaders() { return [...this.answer.headers].map(pair => pair.join(': ')).join('\r\n'); }
  async send(body) {
    this.answer = await fetch(this.url, { method: this.method, headers: this.headers, body: body ?? undefined });
    const bytes = await this.answer.arrayBuffer();
    const text = () => new TextDecoder().decode(bytes);
    this.response = { json: () => JSON.parse(text()), arraybuffer: () => bytes }[this.responseType]?.() ?? text();
    this.responseText = this.responseType ? undefined : this.response;
    Object.assign(this, { status: this.answer.status, statusText: this.answer.statusText, readyState: 4 });
    this.onreadystatechange?.();
    this.onloadend?.();
    this.onload?.();
  }
};

const { api } = require('dicomweb-client');
const dcmjs = require('dcmjs');
const { DicomMetaDictionary, DicomMessage, DicomDict } = dcmjs.data;
dcmjs.log?.setLevel?.('error');
const client = new api.DICOMwebClient({ url });
const found = {};

const studies = await client.searchForStudies({ queryParams: { StudyInstanceUID: study } });
found.studies = studies.map(one => one['0020000D'].Value[0]);
found.series = (await client.searchForSeries({ studyInstanceUID: study })).length;
found.instances = (await client.searchForInstances({ studyInstanceUID: study })).length;
const metadata = await client.retrieveStudyMetadata({ studyInstanceUID: study });
// dcmjs reads our JSON.
const named = metadata.map(one => DicomMetaDictionary.naturalizeDataset(one));
found.metadata = named.length;
const image = named.find(one => one.Rows && one.Modality === 'CT');
found.patient = String(image.PatientName?.[0]?.Alphabetic ?? image.PatientName?.Alphabetic ?? image.PatientName);
found.position = image.ImagePositionPatient;
const place = {
  studyInstanceUID: study, seriesInstanceUID: image.SeriesInstanceUID, sopInstanceUID: image.SOPInstanceUID,
};
const frames = await client.retrieveInstanceFrames({ ...place, frameNumbers: [1] });
found.frame = frames[0].byteLength;
found.expected = image.Rows * image.Columns * 2;

// dcmjs reads our instances, writes them, and we take what it wrote.
const part10 = await client.retrieveInstance(place);
const read = DicomMessage.readFile(part10);
const dataset = DicomMetaDictionary.naturalizeDataset(read.dict);
found.dcmjs = [String(dataset.PatientName?.[0]?.Alphabetic ?? dataset.PatientName), dataset.Rows, dataset.PixelData?.[0]?.byteLength ?? dataset.PixelData?.byteLength];
found.series_of_instances = (await client.retrieveSeries({ studyInstanceUID: study, seriesInstanceUID: image.SeriesInstanceUID })).length;

const mine = DicomMessage.readFile(readFileSync(file).buffer.slice(0));
const written = new DicomDict(mine.meta);
written.dict = mine.dict;
await client.storeInstances({ datasets: [written.write()] });
const stored = DicomMetaDictionary.naturalizeDataset(mine.dict);
found.stored = (await client.searchForInstances({ studyInstanceUID: stored.StudyInstanceUID })).length;
console.log(JSON.stringify(found));
