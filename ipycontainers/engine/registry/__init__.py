"""Images from and to registries.

    pull.Pull, push.Push        one request of a client each, in a thread of its own
    transfers.Transfers         the layers on their way, which pulls share
    client.Client               one repository of one registry, over HTTP
    settings, credentials       what the machine says of registries, and who we are there

Reading order: settings, credentials, transport, client, platforms, transfers, blobs, pull, push.

Knows: registries. Does not know: Docker's API, containers.
"""
