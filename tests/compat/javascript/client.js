// An ordinary kafkajs client as a command, for test_other_languages.py:
//   node client.js ADDRESS create TOPIC PARTITIONS
//   node client.js ADDRESS list
//   node client.js ADDRESS produce TOPIC CODEC          one record for each line of standard input
//   node client.js ADDRESS consume GROUP TOPIC COUNT    one line for each record

import { readFileSync } from "node:fs";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";

const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP };

async function create(kafka, topic, partitions) {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions) }] });
  await admin.disconnect();
}

async function list(kafka) {
  const admin = kafka.admin();
  await admin.connect();
  for (const topic of await admin.listTopics()) console.log(topic);
  await admin.disconnect();
}

async function produce(kafka, topic, codec) {
  const messages = readFileSync(0, "utf8").trimEnd().split("\n").map((value) => ({ value }));
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages, compression: CODECS[codec] });
  await producer.disconnect();
}

async function consume(kafka, groupId, topic, count) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let left = Number(count);
  await new Promise((resolve) => {
    consumer.run({
      eachMessage: async ({ message }) => {
        console.log(message.value.toString());
        left -= 1;
        if (left === 0) resolve();
      },
    });
  });
  await consumer.disconnect();
}

const [address, command, ...rest] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "compat", brokers: [address], logLevel: logLevel.ERROR });
await { create, list, produce, consume }[command](kafka, ...rest);
