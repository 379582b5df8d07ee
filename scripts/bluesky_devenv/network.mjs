// Bluesky's own servers (directory, PDS, AppView) on loopback, and a bridge that gives the PDS's firehose in
// Jetstream's first form, as there is no Jetstream on npm. Prints one line of JSON; ends when stdin does.
import { createRequire } from 'node:module'

const require = createRequire(process.cwd() + '/')
const { TestNetwork } = require('@atproto/dev-env')
const { Firehose } = require('@atproto/sync')
const { lexToJson } = require('@atproto/lexicon')
const { WebSocketServer } = require('ws')

const network = await TestNetwork.create({ dbPostgresSchema: 'quakelens' })

const frames = [] // [time_us, collection or null, text]
const readers = new Set()
let lastUs = 0
const add = (did, kind, values) => {
  lastUs = Math.max(lastUs + 1, Date.now() * 1000)
  const text = JSON.stringify({ did, time_us: lastUs, kind, [kind]: values })
  frames.push([lastUs, kind === 'commit' ? values.collection : null, text])
  for (const reader of readers) reader()
}
const firehose = new Firehose({
  service: network.pds.url.replace('http', 'ws'),
  idResolver: network.pds.ctx.idResolver,
  unauthenticatedCommits: true,
  unauthenticatedHandles: true,
  // From the first event on, one after the other; `getCursor` as an option is not called in this version.
  runner: { getCursor: () => 0, trackEvent: (did, seq, handle) => handle() },
  onError: (error) => console.error(String(error), String(error.cause ?? '')),
  handleEvent: (event) => {
    const { did, seq, time } = event
    if (event.event === 'identity') add(did, 'identity', { did, handle: event.handle, seq, time })
    else if (event.event === 'account') add(did, 'account', { active: event.active, did, seq, status: event.status, time })
    else if (event.event !== 'sync') {
      const { rev, collection, rkey } = event
      const made = event.event === 'delete' ? {} : { record: lexToJson(event.record), cid: event.cid.toString() }
      add(did, 'commit', { rev, operation: event.event, collection, rkey, ...made })
    }
  },
})
firehose.start()
// On the real network something always happens somewhere.
const beat = setInterval(() => add('did:plc:somebody', 'identity', { did: 'did:plc:somebody', seq: 1 }), 100)

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/subscribe' })
server.on('connection', (socket, request) => {
  const query = new URL(request.url, 'http://host').searchParams
  const wanted = query.getAll('wantedCollections')
  const cursor = Number(query.get('cursor') ?? lastUs)
  let next = frames.findIndex(([time]) => time >= cursor)
  if (next < 0) next = frames.length
  const send = () => {
    for (; next < frames.length; next++) {
      const [, collection, text] = frames[next]
      if (collection === null || wanted.length === 0 || wanted.includes(collection)) socket.send(text)
    }
  }
  readers.add(send)
  socket.on('close', () => readers.delete(send))
  send()
})
await new Promise((resolve) => server.on('listening', resolve))

console.log(JSON.stringify({
  pds: network.pds.url, appview: network.bsky.url, jetstream: `ws://127.0.0.1:${server.address().port}/subscribe`,
}))
process.stdin.resume()
process.stdin.on('end', async () => {
  clearInterval(beat)
  server.close()
  for (const client of server.clients) client.terminate()
  setTimeout(() => process.exit(0), 10_000)
  await firehose.destroy()
  await network.close()
  process.exit(0)
})
