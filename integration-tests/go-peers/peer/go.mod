module frontier.test/peer

go 1.24.0

require (
	github.com/jumboframes/armorigo v0.2.5
	github.com/singchia/geminio v1.1.7-rc.1
)
