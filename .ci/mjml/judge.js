// Reads [{name, mjml}] as JSON on standard input; writes one line for each fault that MJML's strict validator finds.
import mjml2html from 'mjml'

const chunks = []
for await (const chunk of process.stdin) chunks.push(chunk)

let faults = 0
for (const { name, mjml } of JSON.parse(Buffer.concat(chunks).toString('utf8'))) {
  try {
    const { errors } = await mjml2html(mjml, { validationLevel: 'strict', fonts: {} })
    for (const error of errors ?? []) report(name, error.formattedMessage)
  } catch (error) {
    for (const one of error.errors ?? [{ formattedMessage: error.message }]) report(name, one.formattedMessage)
  }
}
process.exitCode = faults ? 1 : 0

function report(name, fault) {
  faults += 1
  console.log(`${name}: ${fault}`)
}
