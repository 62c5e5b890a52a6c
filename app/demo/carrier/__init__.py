"""A carrier to try Doorstep with: DHL's wire format over HTTP, parcels moved along timetables by the engine's clock."""
